/** What a guard goes by; all of it is fixed at the create. Seconds are the guard's own, never a clock's. */
export type GuardTerms = {
  /** Base URL of the market, where an instance can end itself with the key that it was given for that. */
  readonly apiUrl: string;
  /** From the start of the container to the first renewal. */
  readonly bootMs: number;
  /** From one renewal to the next. */
  readonly silenceMs: number;
  /** From the start of the container to its end, renewed or not: what was left to the label's expiry. */
  readonly lifeMs: number;
};

/** The guard's environment: no secret. Its key is the one that the market gives the container. */
export function guardEnvironment(terms: GuardTerms, { isTls }: { isTls: boolean }): Record<string, string> {
  const silence = terms.silenceMs / 1_000;
  const order = {
    api: terms.apiUrl,
    tls: isTls,
    boot: terms.bootMs / 1_000,
    silence,
    life: Math.max(0, terms.lifeMs / 1_000),
    look: Math.min(LOOK_SECONDS.max, Math.max(LOOK_SECONDS.min, silence / 10)),
  };
  return { LEASH_GUARD: JSON.stringify(order) };
}

const LOOK_SECONDS = { min: 0.2, max: 15 };

/**
 * The dead-man's switch, as a block of the start script: Python, since whatever serves vLLM has it.
 *
 * 1. It ends nothing but its own instance: it holds that instance's key and names that instance.
 * 2. Seconds come from `/proc/uptime` and are summed in a file: no clock is asked, and a container that
 *    restarts goes on where it was. After a restart of the host only what has passed since then is added.
 * 3. What cannot be read is no renewal, and what cannot be written does not stop the count.
 * 4. Only GET counts: a browser's preflight is answered 200 to everybody. vLLM 0.16 leaves those uncounted, but
 *    no order of another image's middleware may let strangers renew the lease.
 * 5. It goes on looking while it tries to end the instance: renewed after all, it lets go.
 * 6. A stop is tried from the fourth refused DELETE on, no sooner: it ends the GPU's bill, and this script with it,
 *    so that nothing in the instance is left to end the bill for its disk.
 *
 * It starts before anything that may fail, in a session of its own and as nobody's child, and is started
 * again should it die. The text stands between single quotes, so it holds none.
 */
export const GUARD_BLOCK = `(until python3 -I -c '
import http.client, json, os, ssl, sys, time, urllib.request
order = json.loads(os.environ["LEASH_GUARD"])
me, key = os.environ.get("CONTAINER_ID"), os.environ.get("CONTAINER_API_KEY")
port = int(os.environ.get("LEASH_LISTEN_PORT", "8000"))
kept = os.environ.get("TMPDIR", "/var/tmp") + "/leash-guard-" + str(me)
LEASE = ("http_requests_total{", "handler=\\"/v1/models\\"", "method=\\"GET\\"", "status=\\"2xx\\"")

def say(text):
    try: print("leash-guard: " + text, file=sys.stderr, flush=True)
    except OSError: pass

def uptime():
    with open("/proc/uptime") as file: return float(file.read().split()[0])

def renewals():
    try:
        if order["tls"]: vllm = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=ssl._create_unverified_context())
        else: vllm = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        vllm.request("GET", "/metrics")
        lines = vllm.getresponse().read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if all(part in line for part in LEASE))
    except Exception: return 0

def end(why, tries):
    say("ending this instance: " + why)
    for method, body in (("DELETE", {}), ("PUT", {"state": "stopped"}))[:1 if tries < 4 else 2]:
        try:
            call = urllib.request.Request(order["api"] + "/api/v0/instances/" + me + "/", json.dumps(body).encode(),
                {"Authorization": "Bearer " + key, "Content-Type": "application/json"}, method=method)
            with urllib.request.urlopen(call, timeout=30) as answer:
                if json.load(answer)["success"]: return say(method + " accepted")
            say(method + " refused")
        except Exception as error: say(method + " failed: " + str(getattr(error, "code", type(error).__name__)))

if not (me and key): sys.exit(say("the container was given no key: nobody guards it"))
try: os.setsid()
except OSError: pass
state = {"uptime": uptime(), "lived": 0, "silent": 0, "count": 0}
try:
    with open(kept) as file: state.update(json.load(file))
except (OSError, ValueError): pass
pause, tries = order["look"], 0
while True:
    now = uptime()
    passed = now - state["uptime"] if now >= state["uptime"] else now
    state.update(uptime=now, lived=state["lived"] + passed, silent=state["silent"] + passed)
    count = renewals()
    if count and count != state["count"]: state.update(count=count, silent=0)
    try:
        with open(kept + ".new", "w") as file: json.dump(state, file)
        os.replace(kept + ".new", kept)
    except OSError: pass
    if state["lived"] >= order["life"]: why = "its label has expired"
    elif state["silent"] < order["silence" if state["count"] else "boot"]: why = None
    else: why = "nobody has renewed its lease" if state["count"] else "it was not served in time"
    tries = tries + 1 if why else 0
    if why: end(why, tries)
    pause = min(pause * 2, 300) if why else order["look"]
    time.sleep(pause)
'; do sleep 60; done &)`;
