"""Read every file of a folder under a memory limit; print what came of each as JSON.

Run by the test in a process of its own, so that a crash or a limit costs one process only.
"""

import json
import os
import resource
import sys

from poolcli.errors import InputError
from poolcli.formats.readers import read_file
from tests.helpers.memory import peak_kib

ADDRESS_SPACE = 2 * 2**30


def outcome(path: str) -> dict[str, object]:
    try:
        array = next(iter([loaded.array for loaded in read_file(path)]))
    except InputError as error:
        return {"refused": str(error)}
    return {"shape": list(array.shape), "dtype": array.dtype.name}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    os.chdir(sys.argv[1])
    found = {name: outcome(name) for name in sorted(os.listdir("."))}
    print(json.dumps({"found": found, "peak_kib": peak_kib()}))
