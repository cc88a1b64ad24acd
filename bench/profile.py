"""Where the Python time of a call goes: the WSGI application in this process, under cProfile."""

import cProfile
import io
import pstats
import time

from bench.calls import Call, filled
from bench.million import Million


def show(calls: list[Call], million: Million, requests: int) -> None:
    """Prints, for each call, microseconds a request and the functions that take most of them."""
    from incenta.wsgi import application

    for call in calls:
        asked = [_environ(call, million, time.time_ns() + place) for place in range(requests * 2 + 50)]

        def run(some: list[dict], call: Call = call) -> None:
            for environ in some:
                statuses = []
                body = application(environ, lambda status, headers, statuses=statuses: statuses.append(status))
                content = b"".join(body)
                body.close()
                assert statuses[0] < "3", (statuses, content)

        run(asked[:50])
        wall, cpu = time.perf_counter(), time.process_time()
        run(asked[50 : 50 + requests])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        profiler = cProfile.Profile()
        profiler.enable()
        run(asked[50 + requests :])
        profiler.disable()
        print(
            f"\n{call.name}: {wall / requests * 1e6:.0f} µs a request, {cpu / requests * 1e6:.0f} µs of them Python's CPU"
        )
        told = io.StringIO()
        pstats.Stats(profiler, stream=told).sort_stats("tottime").print_stats(35)
        print("\n".join(told.getvalue().splitlines()[6:]))


def _environ(call: Call, million: Million, number: int) -> dict:
    path, body = filled(call, million, number)
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": call.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_API_KEY": million.secret,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body.encode())),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body.encode()),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
