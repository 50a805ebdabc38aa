"""Signs with huaweicloudsdkcore and with the examples of README.md; see scripts/interop."""

import http.client
import io
import json
import os
import pathlib
import re
import sys
import uuid
import zipfile

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

KEY, TENANT, README = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
AK, SK = KEY["accessKey"], KEY["secretKey"]
PORTS = {name: os.environ[f"MECM_{name.upper()}__PORT"] for name in ("inventory", "apm", "appo")}
REFUSED = "Invalid access or signature."


def signed(service, method, path, query=(), headers=None, body=None):
    """What the SDK makes of a request."""
    request = SdkRequest(
        method=method,
        host=f"127.0.0.1:{PORTS[service]}",
        resource_path=f"/{service}/v1/tenants/{TENANT}{path}",
        query_params=list(query),
        header_params=dict(headers or {}),
        body=body,
    )
    return Signer(BasicCredentials(AK, SK)).sign(request)


def ask(request, method=None, uri=None, headers=None, body=None):
    """Sends it, or with some of it altered; gives the status and what was answered."""
    connection = http.client.HTTPConnection(request.host, timeout=60)
    connection.putrequest(method or request.method, uri or request.uri, skip_host=True, skip_accept_encoding=True)
    body = request.body if body is None else body
    for name, value in (headers or request.header_params).items():
        connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def send(request, **altered):
    """The same, of an error with its message."""
    status, text = ask(request, **altered)
    try:
        told = json.loads(text)
        return status, told.get("message", "") if isinstance(told, dict) else ""
    except ValueError:
        return status, ""


def let_in(told, what):
    assert told[0] not in (401, 403, 500), f"{what}: {told}"
    print(f"accepted: {what}: {told[0]}")


def refused(told, what):
    assert told == (401, REFUSED), f"{what}: {told}"
    print(f"refused: {what}")


def success():
    """Resets the count of failures: three would lock the key."""
    let_in(send(signed("inventory", "GET", "/mechosts")), "a plain GET")


def other(text, at):
    """The text with another character there."""
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


odd = [("z", "1"), ("a b", "x y+z"), ("a:", "%2F/?"), ("a9", "ä~*'()"), ("empty", ""), ("z", "0")]
for service, path in (("inventory", "/mechosts"), ("apm", "/packages"), ("appo", "/app_instance_infos")):
    let_in(send(signed(service, "GET", path)), f"GET at {service}")
    let_in(send(signed(service, "GET", path, odd)), f"GET with an odd query at {service}")
let_in(send(signed("inventory", "GET", "/mechosts/10.0.0.1/capabilities/a%20b%2Fc%E4%B8%AD/applications")), "a path with escapes")

controller = json.dumps({"applcmIp": "10.0.0.7", "applcmPort": "30101", "applcmName": "控制器"})
js = {"Content-Type": "application/json", "X-Note": " two  blanks "}
post = signed("inventory", "POST", "/applcms", headers=js, body=controller)
told = send(post)
assert told[0] == 200, told
print("accepted: a JSON POST: 200")
refused(send(post), "the same once more")



def sample():
    """A package, made of the files of the demo's."""
    files, folder = io.BytesIO(), pathlib.Path(README).parent / "crates/mecm/sample"
    with zipfile.ZipFile(files, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            package.write(path, f"sample/{path.relative_to(folder)}")
        package.writestr("sample/sample.mf", "metadata:\napp_product_name: sample\n")
    return "sample.csar", files.getvalue()


def form(name, package):
    """The form of an upload, as bytes, and its type."""
    boundary = "----interop"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="hostList"\r\n\r\n10.0.0.1\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="appPackageName"\r\n\r\ninterop\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="appPackageVersion"\r\n\r\n1.0\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + package + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


real = os.environ.get("MECM_FIXTURES") or pathlib.Path(README).parent / "../shared/fixtures/csar"
real = sorted(pathlib.Path(real).glob("*.csar"))
if not real:
    print("skipped: packages of a v1.0 installation, which are not here; the demo's is")
for name, package in [sample(), *((path.name, path.read_bytes()) for path in real)]:
    body, kind = form(name, package)
    # An id of its own: two uploads of one second would have one signature, since their bodies are not in it.
    told = {"Content-Type": kind, "X-Request-Id": str(uuid.uuid4())}
    upload = signed("apm", "POST", "/packages/upload", headers=told, body=body)
    assert upload.header_params["X-Sdk-Content-Sha256"] == "UNSIGNED-PAYLOAD"
    told = ask(upload)
    assert told[0] == 202, (name, told)
    kept = ask(signed("apm", "GET", f"/packages/{json.loads(told[1])['appPackageId']}/download"))
    assert kept == (200, package), f"{name}: {kept[0]}"
    print(f"accepted: a multipart upload whose body is not signed, and read again as it was: {name}, {len(package)} bytes")

replaced = controller.replace("30101", "30102")
put = signed("inventory", "PUT", "/applcms/10.0.0.7", [("a", "b c")], js, replaced)
date, authorization = put.header_params["X-Sdk-Date"], put.header_params["Authorization"]
altered = {
    "method": dict(method="DELETE"),
    "path": dict(uri=put.uri.replace("10.0.0.7", "10.0.0.8")),
    "query": dict(uri=put.uri.replace("b%20c", "b%20d")),
    "header": dict(headers={**put.header_params, "X-Note": "two blanks"}),
    "body": dict(body=put.body.replace(b"30102", b"30103")),
    "date": dict(headers={**put.header_params, "X-Sdk-Date": other(date, len(date) - 2)}),
    "signature": dict(headers={**put.header_params, "Authorization": other(authorization, len(authorization) - 1)}),
}
for what, change in altered.items():
    refused(send(put, **change), f"another {what}")
    success()
told = send(put)
assert told[0] == 200, told
print("accepted: what was altered, as it was signed: 200")

examples = re.findall(r"```python\n(.*?)```", open(README, encoding="utf-8").read(), re.S)
assert len(examples) == 2, len(examples)
for example in examples:
    code = example.replace("127.0.0.1:8093", f"127.0.0.1:{PORTS['inventory']}")
    exec(compile(code, README, "exec"), {"AK": AK, "SK": SK, "TENANT": TENANT})
print("ran: the examples of README.md")
