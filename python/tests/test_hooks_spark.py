"""guerdon.spark in a local Spark."""

import os
import shutil
import sys
import unittest
import warnings

from common import Case
from guerdon import UsageError
from hooks import CHAT, MODEL, TURNS, need, program_lines, program_scores, some_pairs


class Spark(Case):
    @classmethod
    def setUpClass(cls):
        cls.sql, cls.hook = need('pyspark.sql', 'guerdon.spark')
        if not shutil.which('java') and not os.environ.get('JAVA_HOME'):
            raise unittest.SkipTest('Spark needs Java, and there is no java in the PATH')
        os.environ['PYSPARK_PYTHON'] = sys.executable
        cls.spark = (
            cls.sql.SparkSession.builder.master('local[1]')
            .config('spark.ui.enabled', 'false')
            .config('spark.sql.execution.arrow.maxRecordsPerBatch', '5')
            .config('spark.driver.host', '127.0.0.1')
            .getOrCreate()
        )
        cls.spark.sparkContext.setLogLevel('OFF')

    @classmethod
    def tearDownClass(cls):
        cls.spark.stop()

    def test_pairs(self):
        rows = [{**one, 'id': i} for i, one in enumerate(some_pairs())]
        lines = program_lines(rows)
        df = self.spark.createDataFrame(rows).repartition(2)
        found = sorted(self.hook.score(df, model=MODEL, threads=1).collect(), key=lambda row: row['id'])
        self.assertEqual([row['chosen'] for row in found], [row['chosen'] for row in rows])
        for name in ('chosen', 'rejected', 'margin'):
            self.assertBits([row[f'score_{name}'] for row in found], [line[name] for line in lines])
        self.assertSays(
            UsageError, 'score_chosen already', self.hook.score, df.withColumnRenamed('id', 'score_chosen'), model=MODEL
        )

    def test_conversations(self):
        df = self.spark.createDataFrame([{'id': 0, 'turns': TURNS}])
        how = {'prefix': 'g_', 'fields': 'messages=turns'}
        run = df.mapInArrow(self.hook.scorer(model=MODEL, **how, **CHAT), self.hook.schema(df, **how))
        (found,) = run.collect()
        self.assertBits([found['g_score']], program_scores([{'messages': TURNS}], '--chat-format', 'chatml'))
        self.assertIsNone(found['g_error'])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    unittest.main()
