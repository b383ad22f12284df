"""A small SMTP server of the tests' own, in a thread: submission with STARTTLS or TLS, sign-in, refusals on order."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from fieldcal.embedded.server import Certificates


@dataclass
class Post:
    """What the server offers, what it refuses, and what it was given."""

    offers_tls: bool = True
    #: TLS from the first byte
    implicit: bool = False
    user: str = "fieldcal"
    password: str = ""
    #: verb -> the answer given instead, `450 later` say; "hang up" breaks the connection off
    refuses: dict[str, str] = field(default_factory=dict)
    letters: list[EmailMessage] = field(default_factory=list)
    #: verbs that came outside of TLS, in order
    in_the_clear: list[str] = field(default_factory=list)
    port: int = 0


@contextmanager
def mail_server(post: Post, certificates: Certificates | None) -> Iterator[Post]:
    """Serve while the block runs; `certificates` None offers no TLS whatever `post` says."""
    context = None
    if certificates is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.cert_file, certificates.key_file)
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _Talk(post, context, reader, writer).hold()
            except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                return
            finally:
                writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context if post.implicit else None)
        post.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield post
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


class _Talk:
    """One connection, RFC 5321 as far as a submitting client goes."""

    def __init__(
        self, post: Post, context: ssl.SSLContext | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.post, self.context, self.reader, self.writer = post, context, reader, writer
        self.safe = post.implicit

    async def say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()

    async def hold(self) -> None:
        await self.say("220 post.example ESMTP")
        while line := (await self.reader.readline()).decode().rstrip("\r\n"):
            verb = line.split(" ")[0].split(":")[0].upper()
            if not self.safe:
                self.post.in_the_clear.append(verb)
            if (answer := self.post.refuses.get(verb)) is not None:
                if answer == "hang up":
                    return
                await self.say(answer)
            elif verb == "QUIT":
                await self.say("221 bye")
                return
            else:
                await self.answer(verb, line)

    async def answer(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            offers = ["STARTTLS"] if self.post.offers_tls and self.context and not self.safe else []
            offers += ["AUTH PLAIN"] if self.post.password else []
            for offer in ["post.example", *offers][:-1] if offers else []:
                await self.say(f"250-{offer}")
            await self.say(f"250 {offers[-1] if offers else 'post.example'}")
        elif verb == "STARTTLS":
            await self.say("220 go on")
            assert self.context is not None
            await self.writer.start_tls(self.context)
            self.safe = True
        elif verb == "AUTH":
            given = base64.b64decode(line.rsplit(" ", maxsplit=1)[-1]).decode().split("\0")[1:]
            good = given == [self.post.user, self.post.password]
            await self.say("235 welcome" if good else "535 5.7.8 wrong user or password")
        elif verb == "DATA":
            await self.say("354 go on")
            data = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3]
            made = message_from_bytes(data.replace(b"\r\n..", b"\r\n."), policy=policy.default)
            self.post.letters.append(made)  # type: ignore[arg-type] # the default policy makes EmailMessages
            await self.say("250 taken")
        else:
            await self.say("250 ok")
