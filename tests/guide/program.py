"""The program of the guide, whose code is rendered into no other colour."""

from __future__ import annotations

PROGRAM_CODE = """
from fastapi import FastAPI
from fastapi.requests import Request

app = FastAPI()

@app.get("/")
async def root(name: str = "World"):
    return {"message": f"Hello {name}"}
"""
