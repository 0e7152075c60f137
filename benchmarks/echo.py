"""The yardstick of the server: FastAPI, pydantic and uvicorn with nothing behind them.

``python -m benchmarks.echo PORT`` runs as `pip install fastapi uvicorn` would: h11 and asyncio. ``... PORT fast`` takes httptools
and uvloop, as our server does.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Question(BaseModel):
    """The body of a recommendation."""

    history: list[str]
    k: int = 10


app = FastAPI()


@app.post("/v1/recommend")
async def echo(question: Question) -> Question:
    """Return what was sent."""
    return question


if __name__ == "__main__":
    fast = len(sys.argv) > 2
    how = {"http": "httptools" if fast else "h11", "loop": "uvloop" if fast else "asyncio"}
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, **how)
