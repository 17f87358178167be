"""OLMo's classifiers, which Transformers 5.3 lacks: made as it makes Llama's, and as training code registers them."""
from transformers import AutoModelForSequenceClassification, Olmo2Config, Olmo3Config
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.models.olmo2.modeling_olmo2 import Olmo2PreTrainedModel
from transformers.models.olmo3.modeling_olmo3 import Olmo3PreTrainedModel


class Olmo2ForSequenceClassification(GenericForSequenceClassification, Olmo2PreTrainedModel):
    pass


class Olmo3ForSequenceClassification(GenericForSequenceClassification, Olmo3PreTrainedModel):
    pass


def register():
    AutoModelForSequenceClassification.register(Olmo2Config, Olmo2ForSequenceClassification)
    AutoModelForSequenceClassification.register(Olmo3Config, Olmo3ForSequenceClassification)
