"""The yardstick of the server: FastAPI, pydantic and uvicorn with nothing behind them."""

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
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
