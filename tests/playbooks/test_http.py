from __future__ import annotations

import http.server
import socket
import ssl
import threading

import pytest
from ansible.module_utils.provision.http import ServiceError, call


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-x\r\n",
        b"",
        *(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\n-" % n for n in (200, 500)),
    ],
)
def test_a_stranger_on_a_port_is_told_as_one(said: bytes) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/ping"
        with pytest.raises(ServiceError, match=f"answers at {url}(: | does not speak proper HTTP)"):
            call(url, timeout=5)


def test_nothing_of_tls_is_read_for_a_question_over_http(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ssl, "create_default_context")
    monkeypatch.delattr(ssl, "SSLContext")
    assert call(f"http://127.0.0.1:{server.server_port}/ping")[0] == 204
