"""STS over TLS, because the SageMaker SDK builds STS's address itself and asks for https.

botocore reads the addresses of services from a file that may be replaced, and the certificates to trust from another:
the daemon writes both, and the question "who am I?", keys and all, stays on this machine. What comes in over TLS goes
on to the gate's own port, so that there is one way in.
"""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading

from botocore.loaders import Loader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local_sagemaker.daemon import state

HANDSHAKE_WITHIN = 10  # seconds
IDLE_FOR = 120  # seconds without a byte, after which a connection is closed
CONNECTIONS = 200  # at a time


def serve(listener: socket.socket, port: int) -> None:
    """Take TLS connections at a socket on to a port, and leave the files that lead AWS's clients there."""
    home = state.folder()
    _write_certificate(home / "ca.pem", home / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "ca.pem", home / "key.pem")
    addresses = Loader().load_data("endpoints")
    for partition in addresses["partitions"]:
        sts = partition["services"].get("sts", {"endpoints": {}})
        sts["defaults"] = {"hostname": f"127.0.0.1:{listener.getsockname()[1]}"}
        sts["endpoints"] = {region: {} for region in sts["endpoints"]}
    (home / "botocore").mkdir(exist_ok=True)
    state.private(home / "botocore" / "endpoints.json", json.dumps(addresses))
    threading.Thread(target=asyncio.run, args=(_relay(listener, context, port),), daemon=True).start()


async def _relay(listener, context, port):
    free = asyncio.Semaphore(CONNECTIONS)

    async def connected(reader, writer):
        async with free:
            with contextlib.suppress(OSError, TimeoutError):
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
            writer.close()

    server = await asyncio.start_server(
        connected, sock=listener, ssl=context, ssl_handshake_timeout=HANDSHAKE_WITHIN, backlog=100
    )
    await server.serve_forever()


async def _copy(reader, writer):
    try:
        while data := await asyncio.wait_for(reader.read(65536), IDLE_FOR):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _write_certificate(certificate_path, key_path):
    """Make a key and a certificate for 127.0.0.1, good for a year, and for signing nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local SageMaker")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    state.private(certificate_path, certificate.public_bytes(serialization.Encoding.PEM).decode())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    state.private(key_path, secret.decode())
