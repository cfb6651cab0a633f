"""Calls an endpoint with Vast.ai's own client; prints what came back as one line of JSON.

usage: official-client.py ENGINE_URL ENDPOINT_NAME KIND ROUTE PAYLOAD

Only the three addresses of the service are others than as published.
"""

import asyncio
import json
import os
import sys

from vastai.serverless.client.client import CoroutineServerless


async def main() -> None:
    engine, name, kind, route, payload = sys.argv[1:]
    CoroutineServerless.SSL_CERT_URL = engine + "/static/jvastai_root.cer"
    client = CoroutineServerless(
        os.environ["VAST_API_KEY"], autoscaler_url=engine, webserver_url=engine
    )
    async with client:
        endpoint = await client.get_endpoint(name)
        if kind == "workers":
            print(json.dumps([vars(worker) for worker in await endpoint.get_workers()]))
            return
        result = await endpoint.request(
            route, json.loads(payload), cost=16, timeout=60, stream=kind == "stream"
        )
        answer = result.get("response")
        if kind == "stream":
            answer = [event async for event in answer]
        print(json.dumps({"ok": result.get("ok"), "status": result.get("status"), "response": answer}))


asyncio.run(main())
