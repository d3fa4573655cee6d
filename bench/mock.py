"""A fast upstream: raw asyncio, prepared bytes. Orders come in the newest message's words.

`chunks=N` of four characters, `every=S` between them (0 sends all at once), `hold` keeps the
stream open after the first. Paced chunks carry the clock, so that a reader can tell the lag.
`GET /stats` says how many streams are open.
"""

import asyncio
import json
import re
import sys
import time

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ORDER = re.compile(rb"(chunks|every)=([0-9.]+)")
_USAGE = (
    b'data: {"choices":[],"usage":'
    b'{"prompt_tokens":900,"completion_tokens":%d,"total_tokens":0}}\n\n'
)

open_streams = 0


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    body = json.dumps(
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "mock",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )
    return f"data: {body}\n\n".encode()


_ROLE = _chunk({"role": "assistant", "content": ""})
_FINISH = _chunk({}, "stop")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


# No two alike: proxies take repetition for a model gone wrong.
_WORDS = [_framed(_chunk({"content": f"tick{number}"})) for number in range(256)]


async def _stream(writer: asyncio.StreamWriter, body: bytes) -> None:
    newest = body[body.rfind(b"chunks=") :]
    orders = {name: float(value) for name, value in _ORDER.findall(newest)}
    chunks, every = int(orders.get(b"chunks", 1)), orders.get(b"every", 0.0)
    writer.write(_HEAD + _framed(_ROLE))
    if not every:
        writer.write(b"".join(_WORDS[:chunks]))
    else:
        for _ in range(chunks):
            writer.write(_framed(_chunk({"content": f"t{time.monotonic_ns()} "})))
            await writer.drain()
            await asyncio.sleep(every)
    if b"hold" in newest:
        await asyncio.sleep(600)
    writer.write(_framed(_FINISH) + _framed(_USAGE % chunks) + _framed(b"data: [DONE]\n\n"))
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global open_streams
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            match = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(match[1])) if match else b""
            if b"/chat/completions" not in head.split(b"\r\n")[0]:
                stats = json.dumps({"open": open_streams, "data": [{"id": "mock"}]}).encode()
                writer.write(_JSON_HEAD % len(stats) + stats)
                continue
            open_streams += 1
            gone = asyncio.ensure_future(reader.read(1)) if b"hold" in body else None
            stream = asyncio.ensure_future(_stream(writer, body))
            try:
                await asyncio.wait({t for t in (gone, stream) if t}, return_when="FIRST_COMPLETED")
            finally:
                open_streams -= 1
                stream.cancel()
            if gone is not None:
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(_handle, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
