"""The FastAPI application of the guide, served and called over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from aleph_async import AlephHttpClient, AuthenticatedAlephHttpClient, ETHAccount, settings
from aleph_async._runtime import HttpClient

pytestmark = [
    pytest.mark.anyio,
    # The guide uses pydantic's older name of `model_dump`.
    pytest.mark.filterwarnings("ignore:The `dict` method is deprecated"),
]

app = FastAPI()


class User(BaseModel):
    name: str
    email: str
    age: int = None  # type: ignore[assignment]


@app.post("/users/")
async def create_user(user: User) -> Any:
    account = ETHAccount(private_key=settings.PRIVATE_KEY_FILE.read_bytes())
    try:
        async with AuthenticatedAlephHttpClient(account=account) as client:
            result = await client.create_aggregate("users", user.dict(), key=user.email)
            return {"key": result["key"], "hash": result["item_hash"]}
    except Exception as e:
        raise HTTPException(status_code=500, detail=str(e)) from e


@app.get("/users/{email}")
async def get_user(email: str) -> Any:
    try:
        async with AlephHttpClient() as client:
            user = await client.fetch_aggregate("users", email)
            if not user:
                raise HTTPException(status_code=404, detail="User not found")
            return user
    except Exception as e:
        raise HTTPException(status_code=500, detail=str(e)) from e


@pytest.fixture
def site() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
async def browser(site: str) -> AsyncIterator[HttpClient]:
    async with HttpClient(base_url=site, timeout=30) as browser:
        yield browser


async def test_a_user_is_created_and_found_again(key_file: Path, browser: HttpClient) -> None:
    ada = {"name": "Ada", "email": "ada@example.org", "age": 36}

    created = await browser.post("/users/", json=ada)

    assert created.status_code == 200, created.text
    assert created.json()["key"] == "users"
    async with AlephHttpClient() as client:
        await client.wait_for_message(created.json()["hash"])
    found = await browser.get("/users/ada@example.org")
    assert (found.status_code, found.json()) == (200, ada)


async def test_a_user_without_age_may_be_created_beside_another(
    key_file: Path, browser: HttpClient
) -> None:
    for name in ("bob", "eve"):
        user = {"name": name, "email": f"{name}@example.org"}
        created = await browser.post("/users/", json=user)
        async with AlephHttpClient() as client:
            await client.wait_for_message(created.json()["hash"])
    for name in ("bob", "eve"):
        found = await browser.get(f"/users/{name}@example.org")
        assert found.json() == {"name": name, "email": f"{name}@example.org", "age": None}


async def test_a_user_nobody_created_is_an_error_that_says_so(
    key_file: Path, browser: HttpClient
) -> None:
    found = await browser.get("/users/nobody@example.org")
    assert found.status_code == 500
    assert "aggregate" in found.json()["detail"]
