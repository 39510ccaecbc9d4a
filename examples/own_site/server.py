"""A site of your own around the avatar: its page, and tokens for those who may see the avatar.

The key of the avatar's server stays here. A browser gets a token, which expires in a minute; a
session that it has opened goes on.
"""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

AVATAR = os.environ.get("JAMFLOW_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ["JAMFLOW_AUTH_KEY"]
PORT = int(os.environ.get("PORT", "3000"))
PAGE = Template(Path(__file__).with_name("index.html").read_text())


async def page(request: Request) -> Response:
    """The page, which knows where the avatar's server is."""
    return HTMLResponse(PAGE.substitute(avatar=AVATAR))


async def token(request: Request) -> Response:
    """A token for whoever asks. A real site asks for its own login first."""
    wanted = {
        # The avatar's server counts sessions and requests by subject: give your user's id here.
        # Without one each token is for somebody else.
        # "subject": user.id,
        "scopes": ["view", "say", "audio"],
        "seconds": 60,
    }
    async with httpx.AsyncClient() as http:
        try:
            answer = await http.post(
                f"{AVATAR}/v1/sessions", json=wanted, headers={"Authorization": f"Bearer {KEY}"}
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            # What went wrong between the servers is nothing for the browser.
            print(f"No token: {error}", flush=True)
            return JSONResponse({"message": "The avatar is not there now."}, 502)
    return JSONResponse(answer.json(), headers={"Cache-Control": "no-store"})


app = Starlette(routes=[Route("/", page), Route("/token", token, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
