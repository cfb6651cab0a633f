"""The official worker of the benchmark: one parallel route without a limit, as published otherwise."""

import os

from vastai.serverless.server.worker import (
    BenchmarkConfig,
    HandlerConfig,
    LogActionConfig,
    Worker,
    WorkerConfig,
)

Worker(
    WorkerConfig(
        model_server_url=os.environ["MODEL_SERVER_URL"],
        model_server_port=int(os.environ["MODEL_SERVER_PORT"]),
        model_log_file=os.environ["MODEL_LOG"],
        handlers=[
            HandlerConfig(
                route="/v1/completions",
                allow_parallel_requests=True,
                max_queue_time=None,
                workload_calculator=lambda payload: payload.get("max_tokens", 256),
                benchmark_config=BenchmarkConfig(dataset=[{"max_tokens": 64}]),
            )
        ],
        log_action_config=LogActionConfig(on_load=["the model is up"]),
    )
).run(host="127.0.0.1")
