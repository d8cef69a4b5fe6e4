"""Lists archives with Python's tarfile. Reads lines of base64 on stdin, answers each with a line of JSON."""

import base64
import io
import json
import sys
import tarfile


def entries(data):
    found = []
    error = None
    try:
        # One to one for any bytes, in headers as in PAX records, which are decoded as UTF-8 first.
        archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape")
        for member in archive:
            name = member.name.encode("utf-8", "surrogateescape").hex()
            kind = member.type.decode("latin-1")
            found.append([name, kind, member.offset, member.offset_data, member.size])
    except tarfile.TarError as e:
        error = f"{type(e).__name__}: {e}"
    except Exception as e:  # tarfile leaves some of its own errors uncaught.
        error = f"{type(e).__name__}: {e}"
    return {"entries": found, "error": error}


for line in sys.stdin:
    print(json.dumps(entries(base64.b64decode(line))), flush=True)
