"""The cases of this folder with OpenAI's own package for Python, unmodified.

Reads {"url", "keys", "cases"} from its input and prints one JSON object a case: what the package handed to its
caller, or which of its exceptions it raised. `official.ts` does the same with the package for JavaScript.
"""

import asyncio
import json
import sys
import time
from typing import Any, Literal

import openai
from pydantic import BaseModel

GATEWAY = json.load(sys.stdin)


class Weather(BaseModel):
    city: Literal["Bern", "Oslo"]
    warm: bool


def settings_of(case: dict) -> dict:
    return {
        "base_url": f"{GATEWAY['url']}/v1",
        "api_key": GATEWAY["keys"][case.get("key", "all")],
        "timeout": case.get("timeoutSeconds", 120),
        "max_retries": case.get("retries", 0),
    }


def arguments_of(case: dict) -> dict:
    """What the package has no name for goes by `extra_body`."""
    return {**case.get("params", {}), **({"extra_body": case["extra"]} if "extra" in case else {})}


def usage_of(usage: Any) -> dict | None:
    if usage is None:
        return None
    return {
        "prompt": usage.prompt_tokens,
        "completion": getattr(usage, "completion_tokens", 0),
        "total": usage.total_tokens,
    }


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def chat_of(answer: Any) -> dict:
    return {
        "model": answer.model,
        "choices": [
            {
                "role": choice.message.role,
                "text": choice.message.content or "",
                "tools": [
                    {"name": call.function.name, "arguments": parsed(call.function.arguments)}
                    for call in choice.message.tool_calls or []
                ],
                "finish": choice.finish_reason,
                "logprobs": len(choice.logprobs.content or []) if choice.logprobs else None,
            }
            for choice in answer.choices
        ],
        "usage": usage_of(answer.usage),
    }


def completion_of(answer: Any) -> dict:
    return {
        "model": answer.model,
        "choices": [
            {
                "text": choice.text,
                "finish": choice.finish_reason,
                "logprobs": len(choice.logprobs.tokens or []) if choice.logprobs else None,
            }
            for choice in answer.choices
        ],
        "usage": usage_of(answer.usage),
    }


class Gathered:
    """Chunks of a stream, put together by hand."""

    def __init__(self) -> None:
        self.choices: dict[int, dict] = {}
        self.usage: dict | None = None

    def add(self, chunk: Any) -> None:
        self.usage = usage_of(chunk.usage) or self.usage
        for choice in chunk.choices:
            one = self.choices.setdefault(choice.index, {"text": "", "finish": None, "tools": []})
            one["finish"] = choice.finish_reason or one["finish"]
            if hasattr(choice, "text"):
                one["text"] += choice.text
            else:
                self.add_delta(one, choice.delta)

    def add_delta(self, one: dict, delta: Any) -> None:
        one["text"] += delta.content or ""
        for part in delta.tool_calls or []:
            if part.index == len(one["tools"]):
                one["tools"].append({"name": part.function.name, "arguments": ""})
            one["tools"][part.index]["arguments"] += part.function.arguments or ""

    def whole(self) -> dict:
        for one in self.choices.values():
            for tool in one["tools"]:
                tool["arguments"] = parsed(tool["arguments"])
        return {"choices": [self.choices[index] for index in sorted(self.choices)], "usage": self.usage}


def list_models(client: openai.OpenAI, _case: dict) -> dict:
    return {"ids": [model.id for model in client.models.list()]}


def retrieve_model(client: openai.OpenAI, case: dict) -> dict:
    model = client.models.retrieve(**case["params"])
    return {"id": model.id, "object": model.object}


def create_chat(client: openai.OpenAI, case: dict) -> dict:
    return chat_of(client.chat.completions.create(**arguments_of(case)))


def stream_chat(client: openai.OpenAI, case: dict) -> dict:
    gathered = Gathered()
    for chunk in client.chat.completions.create(**arguments_of(case), stream=True):
        gathered.add(chunk)
    return gathered.whole()


def stream_chat_by_helper(client: openai.OpenAI, case: dict) -> dict:
    with client.chat.completions.stream(**arguments_of(case)) as stream:
        for _event in stream:
            pass
        return chat_of(stream.get_final_completion())


def parse_chat(client: openai.OpenAI, case: dict) -> dict:
    answer = client.chat.completions.parse(**arguments_of(case), response_format=Weather)
    weather = answer.choices[0].message.parsed
    return {"parsed": weather.model_dump() if weather else None, "finish": answer.choices[0].finish_reason}


def take_turns(client: openai.OpenAI, case: dict) -> dict:
    """A tool is called, and what it says goes back."""
    asked = arguments_of(case)
    message = client.chat.completions.create(**asked).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: 21"}
        for call in message.tool_calls or []
    ]
    more = [*asked["messages"], message.model_dump(exclude_none=True), *results]
    second = client.chat.completions.create(**{**asked, "messages": more, "tool_choice": "auto"})
    return {"called": [call.function.name for call in message.tool_calls or []], **chat_of(second)}


def create_completion(client: openai.OpenAI, case: dict) -> dict:
    return completion_of(client.completions.create(**arguments_of(case)))


def stream_completion(client: openai.OpenAI, case: dict) -> dict:
    gathered = Gathered()
    for chunk in client.completions.create(**arguments_of(case), stream=True):
        gathered.add(chunk)
    return gathered.whole()


def create_embeddings(client: openai.OpenAI, case: dict) -> dict:
    answer = client.embeddings.create(**arguments_of(case))
    return {
        "lengths": [len(one.embedding) for one in answer.data],
        "first": [round(one.embedding[0], 4) for one in answer.data],
        "usage": usage_of(answer.usage),
    }


def create_response(client: openai.OpenAI, case: dict) -> dict:
    return response_of(client.responses.create(**arguments_of(case)))


def stream_response(client: openai.OpenAI, case: dict) -> dict:
    text, last = "", None
    for event in client.responses.create(**arguments_of(case), stream=True):
        text += event.delta if event.type == "response.output_text.delta" else ""
        last = event
    if last is None or last.type not in ("response.completed", "response.incomplete"):
        raise ValueError(f"the last event is {last and last.type}")
    return {**response_of(last.response), "isWhole": text == last.response.output_text}


def response_of(answer: Any) -> dict:
    usage = {
        "prompt": answer.usage.input_tokens,
        "completion": answer.usage.output_tokens,
        "total": answer.usage.total_tokens,
    }
    return {"status": answer.status, "text": answer.output_text, "model": answer.model, "usage": usage}


def show_headers(client: openai.OpenAI, case: dict) -> dict:
    raw = client.chat.completions.with_raw_response.create(**arguments_of(case))
    own = raw.headers.get("x-request-id")
    return {
        "provider": raw.headers.get("x-leash-provider"),
        "attempts": raw.headers.get("x-leash-attempts"),
        "hasRequestId": bool(own) and raw.parse()._request_id == own,
        "requestId": own if "extra_headers" in case["params"] else None,
    }


def abort_stream(client: openai.OpenAI, case: dict) -> dict:
    stream = client.chat.completions.create(**arguments_of(case), stream=True)
    chunks = 0
    for _chunk in stream:
        chunks += 1
        if chunks == 2:
            stream.close()
            break
    return {"chunks": chunks}


def wait_and_retry(client: openai.OpenAI, case: dict) -> dict:
    started = time.monotonic()
    client.chat.completions.create(**arguments_of(case))
    return {"hasWaited": time.monotonic() - started > 0.9}


def say_retry_after(client: openai.OpenAI, case: dict) -> dict:
    try:
        client.chat.completions.create(**arguments_of(case))
    except openai.RateLimitError as error:
        return {**told(error), "hasRetryAfter": int(error.response.headers["retry-after"]) > 0}
    raise ValueError("it was not refused")


def stream_until_it_breaks(client: openai.OpenAI, case: dict) -> dict:
    chunks = 0
    try:
        for _chunk in client.chat.completions.create(**arguments_of(case), stream=True):
            chunks += 1
    except openai.APIError as error:
        return {**told(error), "chunks": chunks}
    raise ValueError("the stream ended as if it were whole")


def send_too_much(client: openai.OpenAI, case: dict) -> dict:
    asked = {**arguments_of(case), "messages": [{"role": "user", "content": "x" * case["count"]}]}
    return chat_of(client.chat.completions.create(**asked))


def ask_many_at_once(_client: openai.OpenAI, case: dict) -> dict:
    async def ask() -> list:
        async with openai.AsyncOpenAI(**settings_of(case)) as client:
            asked = [client.chat.completions.create(**arguments_of(case)) for _ in range(case["count"])]
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    return {"answered": len(answers), "ids": len({answer.id for answer in answers})}


def ask_asynchronously(_client: openai.OpenAI, case: dict) -> dict:
    async def ask() -> dict:
        gathered = Gathered()
        async with openai.AsyncOpenAI(**settings_of(case)) as client:
            async for chunk in await client.chat.completions.create(**arguments_of(case), stream=True):
                gathered.add(chunk)
        return gathered.whole()

    return asyncio.run(ask())


CALLS = {
    "models.list": list_models,
    "models.retrieve": retrieve_model,
    "chat": create_chat,
    "chat.stream": stream_chat,
    "chat.stream.helper": stream_chat_by_helper,
    "chat.stream.async": ask_asynchronously,
    "chat.parse": parse_chat,
    "chat.turns": take_turns,
    "chat.headers": show_headers,
    "chat.abort": abort_stream,
    "chat.retry": wait_and_retry,
    "chat.retry-after": say_retry_after,
    "chat.broken": stream_until_it_breaks,
    "chat.long": send_too_much,
    "chat.many": ask_many_at_once,
    "completions": create_completion,
    "completions.stream": stream_completion,
    "embeddings": create_embeddings,
    "responses": create_response,
    "responses.stream": stream_response,
}


def told(error: openai.APIError) -> dict:
    if isinstance(error, openai.APITimeoutError):
        return {"error": "timeout"}
    if isinstance(error, openai.APIConnectionError):
        return {"error": "connection"}
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    return {"error": type(error).__name__, "status": status, "code": error.code, "param": error.param}


def run(case: dict) -> dict:
    try:
        with openai.OpenAI(**settings_of(case)) as client:
            return CALLS[case["call"]](client, case)
    except openai.APIError as error:
        return told(error)
    except Exception as error:  # A defect of the answer that the package did not take for one.
        return {"error": "crash", "message": f"{type(error).__name__}: {error}"}


for each in GATEWAY["cases"]:
    print(json.dumps({"name": each["name"], "seen": run(each)}), flush=True)
