"""What a user of the official client does, one story a run; prints what came of it as JSON.

The client is as published: it is told where Vast.ai is, and nothing else.
"""

import asyncio
import json
import os
import sys

from vastai.serverless.client.client import CoroutineServerless

VAST = os.environ["VAST"]


class Client(CoroutineServerless):
    SSL_CERT_URL = f"{VAST}/static/jvastai_root.cer"


def shown(result):
    kept = ("response", "ok", "status", "content_type")
    answer = {name: result[name] for name in kept if name in result}
    if isinstance(answer["response"], bytes):
        answer["response"] = answer["response"].hex()
    return answer


async def request(endpoint):
    return shown(await endpoint.request("/parallel", {"prompt": "hello"}, cost=100))


async def answered(endpoint):
    order = json.loads(os.environ["ANSWER"])
    return shown(await endpoint.request("/parallel", {"answer": order}, cost=100, retry=False, timeout=20))


async def stream(endpoint):
    order = json.loads(os.environ["ANSWER"])
    result = await endpoint.request("/parallel", {"answer": order}, cost=100, stream=True)
    return [event async for event in result["response"]]


async def no_route(endpoint):
    return shown(await endpoint.request("/nothing", {"prompt": "hello"}, cost=100))


async def forty(endpoint):
    orders = [{"answer": {"body": json.dumps({"n": n})}} for n in range(40)]
    results = await asyncio.gather(*[endpoint.request("/parallel", order, cost=100) for order in orders])
    return {"numbers": [result["response"]["n"] for result in results], "ok": all(r["ok"] for r in results)}


async def serial(endpoint):
    orders = [{"answer": {"body": json.dumps({"n": n})}} for n in range(5)]
    results = await asyncio.gather(*[endpoint.request("/serial", order, cost=100) for order in orders])
    return [result["response"]["n"] for result in results]


async def session(endpoint):
    session = await endpoint.session(cost=50, lifetime=30, on_close_route="/bye", on_close_payload={"last": "words"})
    first = await session.request("/parallel", {"prompt": "one"})
    second = await session.request("/serial", {"prompt": "two"})
    was_open = await session.is_open()
    again = await endpoint.get_session(session.session_id, session.auth_data)
    await session.close()
    try:
        await endpoint.get_session(session.session_id, session.auth_data)
        after = "still there"
    except Exception as error:
        after = str(error)
    session.open = True
    try:
        await session.request("/parallel", {"prompt": "late"})
        late = "taken"
    except ValueError as error:
        late = str(error)
    return {
        "answers": [shown(first), shown(second)],
        "was_open": was_open,
        "is_the_same": again.session_id == session.session_id,
        "lifetime": again.lifetime,
        "after": after,
        "late": late,
    }


async def main():
    stories = (request, answered, stream, no_route, forty, serial, session)
    story = {each.__name__: each for each in stories}[sys.argv[1]]
    async with Client("account-key", webserver_url=VAST, autoscaler_url=VAST) as client:
        endpoint = await client.get_endpoint("conformance")
        print(json.dumps(await story(endpoint)))


asyncio.run(main())
