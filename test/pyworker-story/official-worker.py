"""Vast.ai's own worker, as published, before the stand-in for a model server."""

import os

from vastai import BenchmarkConfig, HandlerConfig, LogActionConfig, Worker, WorkerConfig

Worker(
    WorkerConfig(
        model_server_url="http://127.0.0.1",
        model_server_port=int(os.environ["MODEL_SERVER_PORT"]),
        model_log_file=os.environ["MODEL_LOG"],
        model_healthcheck_url="/health",
        handlers=[
            HandlerConfig(
                route="/v1/completions",
                allow_parallel_requests=True,
                workload_calculator=lambda payload: float(payload.get("max_tokens", 16)),
                benchmark_config=BenchmarkConfig(
                    dataset=[{"prompt": "hello", "max_tokens": 16}], runs=2, concurrency=2
                ),
            )
        ],
        log_action_config=LogActionConfig(
            on_load=["Application startup complete."], on_error=["Traceback"], on_info=[]
        ),
    )
).run()
