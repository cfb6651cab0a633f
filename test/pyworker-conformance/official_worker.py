"""The official worker with the routes that the cases ask for; our_worker.ts has the same.

Everything is left as published but one thing: the file that /pyworker/update makes is
made elsewhere than in the root of this machine's disk.
"""

import os

from aiohttp import web
from anyio import open_file
from vastai.serverless.server.lib import backend
from vastai.serverless.server.lib.data_types import ApiPayload, JsonDataException
from vastai.serverless.server.worker import (
    BenchmarkConfig,
    HandlerConfig,
    LogActionConfig,
    Worker,
    WorkerConfig,
)


async def open_elsewhere(path, *args, **kwargs):
    is_update = path == "/.force_update"
    return await open_file(os.environ["UPDATE_FILE"] if is_update else path, *args, **kwargs)


backend.open_file = open_elsewhere


def workload(payload):
    return payload.get("workload", 100)


ODD_WORKLOADS = {"nan": float("nan"), "infinite": float("inf"), "negative": -5, "text": "many", "none": None}


def odd_workload(payload):
    kind = payload["kind"]
    if kind == "raises":
        raise ValueError("no workload")
    return ODD_WORKLOADS[kind]


def parse(payload):
    if "refuse" in payload:
        raise JsonDataException({"refuse": payload["refuse"]})
    if "explode" in payload:
        raise ValueError(payload["explode"])
    return {"wrapped": payload, "workload": payload.get("workload", 100)}


async def generate(client_request, model_response):
    model = await model_response.json()
    if "explode" in model:
        raise ValueError(model["explode"])
    body = {"status": model_response.status, "model": model}
    return web.json_response(body, status=202, headers={"x-generated": "yes"})


class Upload(ApiPayload):
    """Sends its members as a form: a file of the text, its name and a note."""

    def __init__(self, payload):
        self.payload = payload

    @classmethod
    def for_test(cls):
        return cls({})

    @classmethod
    def from_json_msg(cls, json_msg):
        return cls(json_msg)

    def generate_payload_json(self):
        return self.payload

    def generate_payload_multipart(self):
        file = ("note.txt", self.payload["text"].encode(), "text/plain")
        return {"file": file, "note": self.payload["note"], "flag": True, "tags": ["a", "b"], "none": None}

    def count_workload(self):
        return 100


HANDLERS = [
    HandlerConfig(
        route="/parallel",
        allow_parallel_requests=True,
        max_queue_time=None,
        workload_calculator=workload,
        benchmark_config=BenchmarkConfig(dataset=[{"workload": 100}], runs=2, concurrency=2),
    ),
    HandlerConfig(
        route="/limited",
        allow_parallel_requests=True,
        max_queue_time=1.0,
        workload_calculator=workload,
    ),
    HandlerConfig(route="/serial", max_queue_time=None, workload_calculator=workload),
    HandlerConfig(route="/serial-too", max_queue_time=None, workload_calculator=workload),
    HandlerConfig(route="/serial-limited", max_queue_time=1.0, workload_calculator=workload),
    HandlerConfig(route="/parsed", allow_parallel_requests=True, request_parser=parse, workload_calculator=workload),
    HandlerConfig(route="/odd-workload", allow_parallel_requests=True, workload_calculator=odd_workload),
    HandlerConfig(route="/no-workload", allow_parallel_requests=True),
    HandlerConfig(route="/generated", allow_parallel_requests=True, response_generator=generate),
    HandlerConfig(route="/upload", allow_parallel_requests=True, payload_class=Upload),
]

Worker(
    WorkerConfig(
        model_server_url=os.environ["MODEL_SERVER_URL"],
        model_server_port=int(os.environ["MODEL_SERVER_PORT"]),
        model_log_file=os.environ["MODEL_LOG"],
        model_healthcheck_url="/health",
        max_sessions=2,
        handlers=HANDLERS,
        log_action_config=LogActionConfig(on_load=["model is up"], on_error=["model broke"], on_info=["loading"]),
    )
).run(host="127.0.0.1")
