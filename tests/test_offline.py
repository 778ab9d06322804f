"""The suite runs with the network off: proof that the gate is shut, here and in every process that a test starts."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import network_off as gate
import pytest
from nbclient import NotebookClient

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nobody lives there


def test_another_machine_cannot_be_reached():
    with pytest.raises(gate.NetworkIsOff), socket.socket() as connection:
        connection.connect((ELSEWHERE, 80))
    with pytest.raises(gate.NetworkIsOff), socket.socket() as connection:
        connection.connect_ex((ELSEWHERE, 80))
    with pytest.raises(gate.NetworkIsOff), socket.socket(socket.AF_INET6) as connection:
        connection.connect(("2001:db8::1", 80))
    with pytest.raises(gate.NetworkIsOff), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"hello", (ELSEWHERE, 53))


def test_its_name_cannot_be_looked_up():
    with pytest.raises(gate.NetworkIsOff):
        socket.getaddrinfo("example.org", 80)
    with pytest.raises(gate.NetworkIsOff):
        socket.gethostbyname("example.org")
    with pytest.raises(urllib.error.URLError, match="The network is off"):
        urllib.request.urlopen("https://example.org", timeout=5)


def test_this_machine_can():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=5) as connection, server.accept()[0] as answer:
            answer.sendall(b"here")
            assert connection.recv(4) == b"here"


TRY = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=5)"


def test_a_process_started_by_a_test_stands_behind_the_same_gate():
    done = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True)
    assert "NetworkIsOff" in done.stderr


def test_so_does_a_notebook():
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"try:\n    {TRY}\nexcept OSError as error:\n    print(error)")]
    )
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert "The network is off" in notebook.cells[0].outputs[0].text


@pytest.mark.network
def test_a_test_that_is_marked_may():
    """Asks the gate alone, so that it passes without a network too."""
    assert "GLUON_LESSONS_OFFLINE" not in os.environ
    gate.refuse("socket.connect", (None, (ELSEWHERE, 80)))


def test_the_default_run_leaves_out_what_needs_the_network(pytestconfig):
    assert "not network" in " ".join(pytestconfig.getini("addopts"))
