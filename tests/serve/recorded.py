"""Requests of other servers' clients, byte for byte, as the code that is named beside each has sent them."""

RECORDED = {
    # verl-project/verl 19c3bef, verl/experimental/reward_loop/reward_loop.py; aiohttp 3.14.5
    'verl_vllm': (
        b'POST /classify HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'User-Agent: Python/3.11 aiohttp/3.14.5\r\nContent-Length: 140\r\nContent-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "input": "<|im_start|>user\\nIs tea '
        b'hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n", "use_activation": false}'),
    # verl-project/verl 19c3bef, verl/experimental/reward_loop/reward_loop.py; aiohttp 3.14.5
    'verl_sglang': (
        b'POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\n'
        b'Accept-Encoding: gzip, deflate\r\nUser-Agent: Python/3.11 aiohttp/3.14.5\r\nContent-Length: 115\r\n'
        b'Content-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "input": "<|im_start|>user\\nIs tea '
        b'hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n"}'),
    # THUDM/slime 0b420f1, slime/rollout/rm_hub/__init__.py; aiohttp 3.14.5
    'slime': (
        b'POST /rm HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'User-Agent: Python/3.11 aiohttp/3.14.5\r\nContent-Length: 125\r\nContent-Type: application/json\r\n\r\n'
        b'{"prompt": "<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\n", "response": '
        b'"Yes.<|im_end|>\\n", "label": "42"}'),
    # OpenRLHF/OpenRLHF 04655bc, openrlhf/utils/agent.py; aiohttp 3.14.5
    'openrlhf': (
        b'POST /get_reward HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'User-Agent: Python/3.11 aiohttp/3.14.5\r\nContent-Length: 194\r\nContent-Type: application/json\r\n\r\n'
        b'{"query": ["<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n"], '
        b'"prompts": ["<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\n"], "labels": ["42"]}'),
    # OpenRLHF/OpenRLHF 07c34b3, openrlhf/utils/remote_rm_utils.py; requests 2.34.2
    'openrlhf_before': (
        b'POST /get_reward HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: python-requests/2.34.2\r\n'
        b'Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n'
        b'Content-Type: application/json\r\nContent-Length: 110\r\n\r\n'
        b'{"query": ["<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n", '
        b'"Is tea hot?"]}'),
    # vllm-project/vllm 3f9a13d, examples/pooling/reward/sequence_reward_online.py; requests 2.34.2
    'vllm_rewards': (
        b'POST /pooling HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Test Client\r\n'
        b'Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: 115\r\n'
        b'Content-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "input": "<|im_start|>user\\nIs tea '
        b'hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n"}'),
    # vllm-project/vllm 3ff2de9, examples/pooling/classify/classification_online.py; requests 2.34.2
    'vllm_classes': (
        b'POST /classify HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: python-requests/2.34.2\r\n'
        b'Accept-Encoding: gzip, deflate\r\naccept: application/json\r\nConnection: keep-alive\r\n'
        b'Content-Type: application/json\r\nContent-Length: 132\r\n\r\n'
        b'{"model": "models/rm", "input": ["<|im_start|>user\\nIs tea '
        b'hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n", "Is tea hot?"]}'),
    # vllm-project/vllm 3ff2de9, examples/pooling/classify/classification_online.py; requests 2.34.2
    'vllm_tokens': (
        b'POST /tokenize HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: python-requests/2.34.2\r\n'
        b'Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: 47\r\n'
        b'Content-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "prompt": "Is tea hot?"}'),
    # vllm-project/vllm 715dbad, examples/pooling/score/score_api_online.py; requests 2.34.2
    'vllm_scores': (
        b'POST /score HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Test Client\r\n'
        b'Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: 95\r\n'
        b'Content-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "queries": "Is tea hot?", "documents": ["No.", "Yes.", "Now and then."]}'),
    # vllm-project/vllm 715dbad, examples/pooling/score/score_api_online.py; requests 2.34.2
    'vllm_pairs': (
        b'POST /score HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Test Client\r\n'
        b'Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: 95\r\n'
        b'Content-Type: application/json\r\n\r\n'
        b'{"model": "models/rm", "queries": ["Is tea hot?", "Is tea hot?"], "documents": ["No.", "Yes."]}'),
    # vllm-project/vllm 33f1263, examples/pooling/score/rerank_api_online.py; requests 2.34.2
    'vllm_ranks': (
        b'POST /rerank HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: python-requests/2.34.2\r\n'
        b'Accept-Encoding: gzip, deflate\r\naccept: application/json\r\nConnection: keep-alive\r\n'
        b'Content-Type: application/json\r\nContent-Length: 93\r\n\r\n'
        b'{"model": "models/rm", "query": "Is tea hot?", "documents": ["No.", "Yes.", "Now and then."]}'),
    # vllm-project/vllm e5fd201, examples/pooling/score/cohere_rerank_client.py; cohere 7.3.1
    'cohere_1': (
        b'POST /v1/rerank HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'Connection: keep-alive\r\nUser-Agent: cohere/7.3.1\r\nX-Fern-Language: Python\r\n'
        b'X-Fern-Runtime: python/3.11.7\r\nX-Fern-Platform: linux/6.1.0\r\nX-Fern-SDK-Name: cohere\r\n'
        b'X-Fern-SDK-Version: 7.3.1\r\nAuthorization: Bearer sk-fake-key\r\ncontent-type: application/json\r\n'
        b'Content-Length: 86\r\n\r\n'
        b'{"model":"models/rm","query":"Is tea hot?","documents":["No.","Yes.","Now and then."]}'),
    # vllm-project/vllm e5fd201, examples/pooling/score/cohere_rerank_client.py; cohere 7.3.1
    'cohere_2': (
        b'POST /v2/rerank HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'Connection: keep-alive\r\nUser-Agent: cohere/7.3.1\r\nX-Fern-Language: Python\r\n'
        b'X-Fern-Runtime: python/3.11.7\r\nX-Fern-Platform: linux/6.1.0\r\nX-Fern-SDK-Name: cohere\r\n'
        b'X-Fern-SDK-Version: 7.3.1\r\nAuthorization: Bearer sk-fake-key\r\ncontent-type: application/json\r\n'
        b'Content-Length: 86\r\n\r\n'
        b'{"model":"models/rm","query":"Is tea hot?","documents":["No.","Yes.","Now and then."]}'),
    # run-llama/llama_index 18b5f1b, llama_index/postprocessor/tei_rerank/base.py; httpx 0.28.1
    'tei_llamaindex': (
        b'POST /rerank HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n'
        b'Connection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\nContent-Type: application/json\r\n'
        b'Authorization: Bearer sk-fake-key\r\nContent-Length: 62\r\n\r\n'
        b'{"query":"Is tea hot?","texts":["No.","Yes.","Now and then."]}'),
    # huggingface/text-embeddings-inference, docs/source/en/quick_tour.md; curl
    'tei_ranks': (
        b'POST /rerank HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n'
        b'Content-Type: application/json\r\nContent-Length: 81\r\n\r\n'
        b'{"query":"Is tea hot?","texts":["No.","Yes.","Now and then."],"raw_scores":false}'),
    # huggingface/text-embeddings-inference, docs/source/en/quick_tour.md; curl
    'tei_classes': (
        b'POST /predict HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n'
        b'Content-Type: application/json\r\nContent-Length: 93\r\n\r\n'
        b'{"inputs":"<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n"}'),
}
