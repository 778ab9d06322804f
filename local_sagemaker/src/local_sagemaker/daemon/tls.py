"""The side door: STS over TLS, because the SageMaker SDK builds STS's address itself and asks for https.

botocore reads the addresses of services from a file that may be replaced, and the certificates to trust from another:
the cloud writes both, and the question "who am I?", keys and all, stays on this machine.
"""

import datetime
import ipaddress
import json
import threading

from botocore.loaders import Loader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.serving import WSGIRequestHandler, make_server

from local_sagemaker.daemon import state


class Quiet(WSGIRequestHandler):
    """The front door keeps the log."""

    def log(self, *_):
        """Say nothing."""


def open_door(application, listener):
    """Serve an application over TLS at a socket, and leave the files that lead AWS's clients there."""
    home = state.folder()
    _write_certificate(home / "ca.pem", home / "key.pem")
    server = make_server(
        "127.0.0.1",
        listener.getsockname()[1],
        application,
        threaded=True,
        request_handler=Quiet,
        ssl_context=(str(home / "ca.pem"), str(home / "key.pem")),
        fd=listener.fileno(),
    )
    addresses = Loader().load_data("endpoints")
    for partition in addresses["partitions"]:
        sts = partition["services"].get("sts", {"endpoints": {}})
        sts["defaults"] = {"hostname": f"127.0.0.1:{server.port}"}
        sts["endpoints"] = {region: {} for region in sts["endpoints"]}
    (home / "botocore").mkdir(exist_ok=True)
    state.private(home / "botocore" / "endpoints.json", json.dumps(addresses))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _write_certificate(certificate_path, key_path):
    """Make a key and a certificate for 127.0.0.1, good for a year and for nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Gluon Lessons, local cloud")])
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
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    state.private(certificate_path, certificate.public_bytes(serialization.Encoding.PEM).decode())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    state.private(key_path, secret.decode())
