"""An OpenAI-style server on a real socket that does what the newest message tells it.

The message is a list of words: `tokens=N` says N numbered words, `delay=S` waits between them,
`wait=S` before the first; `cut=N` drops the connection after N; `silent` never answers;
`status=N` refuses; `nousage`, `twice` and `html` do what they say. `call=NAME` calls that tool if
it was offered, with the arguments in pieces; `fact=TEXT` says what a reader of memories does
who found that in the first message; results and everything else that is no order make it speak.
Embeddings are all alike. Run as a module it prints
its port and serves until its input closes; `GET /stats` tells how many streams are open.
"""

import asyncio
import json
import sys

_USAGE = {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}


class Upstream:
    """Counts requests, and the streams that are open now."""

    def __init__(self) -> None:
        self.requests = 0
        self.open = 0

    async def serve(self, port: int = 0) -> asyncio.Server:
        return await asyncio.start_server(self._handle, "127.0.0.1", port)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            length = next(
                (
                    int(line[15:])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            if path.endswith("/chat/completions"):
                await self._complete(json.loads(body), reader, writer)
            elif path.endswith("/embeddings"):
                rows = [{"index": n, "embedding": [1.0, 0.0]} for n in range(len(_texts(body)))]
                _json(writer, {"data": rows, "usage": {"prompt_tokens": len(rows)}})
            elif path == "/stats":
                _json(writer, {"requests": self.requests, "open": self.open})
            else:
                _json(writer, {"object": "list", "data": [{"id": "mock", "object": "model"}]})
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _complete(self, body: dict, reader, writer) -> None:
        self.requests += 1
        words = _newest(body["messages"]).split()
        orders = dict(word.split("=", 1) for word in words if "=" in word)
        flags = set(words)
        if "status" in orders:
            _json(writer, {"error": {"message": "told to"}}, status=int(orders["status"]))
            return
        if "html" in flags:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>no</html>")
            return
        self.open += 1
        gone = asyncio.ensure_future(reader.read())
        stream = asyncio.ensure_future(self._stream(writer, body, orders, flags))
        try:
            await asyncio.wait({gone, stream}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            stream.cancel()
            self.open -= 1

    async def _call(self, writer, name: str) -> None:
        """A call with its name and arguments in pieces of one character."""
        arguments = json.dumps({"text": "Likes tea."})
        _call_piece(writer, id=f"call_{self.requests}", function={"name": name, "arguments": ""})
        for letter in arguments:
            _call_piece(writer, function={"arguments": letter})
        _chunk(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        _chunk(writer, {"choices": [], "usage": {**_USAGE, "completion_tokens": 4}})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()

    async def _stream(self, writer, body: dict, orders: dict, flags: set) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        )
        if "silent" in flags:
            await asyncio.sleep(3600)
        await asyncio.sleep(float(orders.get("wait", 0)))
        tokens, delay = int(orders.get("tokens", 5)), float(orders.get("delay", 0))
        if _is_asked_to_call(orders, body):
            await self._call(writer, orders["call"])
            return
        cut = int(orders.get("cut", 10**9))
        said = _reading(orders["fact"]) if "fact" in orders else None
        for number, word in enumerate(said or [f"w{number} " for number in range(tokens)]):
            if number == cut:
                return
            _chunk(writer, {"choices": [{"index": 0, "delta": {"content": word}}]})
            await writer.drain()
            await asyncio.sleep(delay)
        _chunk(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {**_USAGE, "completion_tokens": tokens, "total_tokens": 10 + tokens}
        for _ in range(0 if "nousage" in flags else 2 if "twice" in flags else 1):
            _chunk(writer, {"choices": [], "usage": usage})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()


def _texts(body: bytes) -> list[str]:
    given = json.loads(body)["input"]
    return [given] if isinstance(given, str) else given


def _reading(text: str) -> list[str]:
    return [json.dumps({"facts": [{"text": text, "from": [1]}]})]


def _newest(messages: list[dict]) -> str:
    """What the person said last. What a tool answered since is no order."""
    return next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")


def _is_asked_to_call(orders: dict, body: dict) -> bool:
    offered = {tool["function"]["name"] for tool in body.get("tools", [])}
    return orders.get("call") in offered and body["messages"][-1]["role"] != "tool"


def _call_piece(writer, **fields) -> None:
    piece = {"index": 0, **fields}
    _chunk(writer, {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})


def _chunk(writer, fields: dict) -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock", **fields}
    writer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _json(writer, value: dict, status: int = 200) -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)


async def _main() -> None:
    server = await Upstream().serve()
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_main())
