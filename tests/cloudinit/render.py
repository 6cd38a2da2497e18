"""Renders each document of the case folders that has no error: SEEDS/CASE/VM/{user-data,…}."""

import pathlib
import subprocess
import sys

TOOL = "target/debug/cloudinit-render"


def main(cases, seeds):
    count = 0
    for case in sorted(cases.iterdir()):
        status = case / "status"
        documents = [case / "stdin", *sorted((case / "in").glob("doc*")), *sorted((case / "in").glob("one*"))]
        documents = [document for document in documents if document.exists()]
        # Custom data is passed on, whether or not it is for cloud-init.
        documents = [d for d in documents if "custom_user_data" not in d.read_text()]
        if status.exists() or not documents:
            continue
        fragments = []
        for fragment in sorted((case / "in").glob("*.yaml")):
            fragments += ["--fragment", str(fragment)]
        for document in documents:
            folder = seeds / case.name
            command = [TOOL, *fragments, "--seed-dir", str(folder)]
            done = subprocess.run(command, stdin=document.open(), capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{case.name}: {done.stderr}")
            count += len(list(folder.glob("*")))
    print(f"{count} seeds rendered")
    if count < 30:
        sys.exit("fewer than 30 seeds: something is wrong with the cases")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
