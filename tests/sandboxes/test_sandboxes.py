"""What a job gets and gives back, the same under Docker and bubblewrap."""

import re
import time

import anyio
import pytest

from agent_runtime.types import SandboxJob
from tests.sandboxes.cases import AnySandbox

pytestmark = pytest.mark.slow


async def test_a_command_runs_over_the_files_it_is_given(sandbox: AnySandbox):
    job = SandboxJob(
        argv=("python", "src/app.py"), files={"src/app.py": b"import helper", "src/helper.py": b"1/0"}
    )

    execution = await sandbox.run(job, "a")

    assert execution.exit_code == 1
    assert 'src/helper.py", line 1' in execution.stderr


async def test_an_execution_names_its_sandbox_and_its_image(sandbox: AnySandbox):
    execution = await sandbox.run(SandboxJob(code="pass"), "a")

    image = r" sha256:[0-9a-f]{64}" if sandbox.name == "docker" else ""
    assert re.fullmatch(sandbox.name + image, execution.place)


async def test_an_unknown_command_is_the_programs_failure_not_the_sandboxs(sandbox: AnySandbox):
    execution = await sandbox.run(SandboxJob(argv=("no-such-command",)), "a")

    assert (execution.exit_code, execution.stderr) == (127, "no-such-command: No such file or directory\n")


async def test_code_imports_modules_beside_it(sandbox: AnySandbox):
    job = SandboxJob(code="import shop; print(shop.total())", files={"shop.py": b"def total(): return 42"})

    assert (await sandbox.run(job, "a")).stdout == "42\n"


async def test_standard_input_arrives(sandbox: AnySandbox):
    job = SandboxJob(code="import sys; print(len(sys.stdin.buffer.read()))", stdin=b"x" * 200_000)

    assert (await sandbox.run(job, "a")).stdout == "200000\n"


async def test_files_come_out_as_they_were_written(sandbox: AnySandbox):
    code = "import os; os.mkdir('out'); open('out/a.csv', 'wb').write(bytes(range(256)))"

    execution = await sandbox.run(SandboxJob(code=code, collect=("out", "missing.txt")), "a")

    assert execution.files == {"out/a.csv": bytes(range(256))}


async def test_a_file_that_was_left_open_is_written_out(sandbox: AnySandbox):
    job = SandboxJob(code="f = open('a.txt', 'w'); f.write('kept')", collect=("a.txt",))

    assert (await sandbox.run(job, "a")).files == {"a.txt": b"kept"}


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.symlink('/etc/passwd', 'a')",
        "import os; os.mkfifo('a')",
        "import socket; socket.socket(socket.AF_UNIX).bind('a')",
        "import os; os.mkdir('d'); open('d/f','w').close(); os.symlink('d', 'a')",
    ],
    ids=["link to a file", "pipe", "socket", "link to a folder"],
)
async def test_only_regular_files_come_out(sandbox: AnySandbox, code: str):
    execution = await sandbox.run(SandboxJob(code=code, collect=("a",)), "a")

    assert execution.files == {}
    assert len(execution.left_out) == 1


async def test_what_was_printed_before_the_limit_is_kept(sandbox: AnySandbox):
    job = SandboxJob(code="print('so far')\nwhile True: pass", seconds=0.5)

    execution = await sandbox.run(job, "a")

    assert (execution.is_timeout, execution.exit_code, execution.stdout) == (True, -9, "so far\n")


async def test_time_and_memory_are_measured(sandbox: AnySandbox):
    code = "import time; x = bytearray(50_000_000); t = time.process_time()\nwhile time.process_time() < t + .3: pass"

    execution = await sandbox.run(SandboxJob(code=code), "a")

    assert execution.exit_code == 0
    assert 0.3 <= execution.cpu_seconds <= execution.wall_seconds + 0.1
    assert execution.peak_memory_bytes is not None
    assert 50_000_000 < execution.peak_memory_bytes < 100_000_000


async def test_a_job_can_ask_for_less_memory_than_there_is(sandbox: AnySandbox):
    code = "import time; x = bytearray(100_000_000); time.sleep(5)"

    execution = await sandbox.run(SandboxJob(code=code, memory_bytes=60_000_000), "a")

    assert execution.is_out_of_memory
    assert not execution.is_timeout


async def test_nothing_of_one_check_is_seen_by_the_next(sandbox: AnySandbox):
    await sandbox.run(
        SandboxJob(code="import sys, os; sys.x = 1; os.environ['X'] = '1'; open('/tmp/x','w')"), "a"
    )

    code = "import sys, os; print(hasattr(sys, 'x'), 'X' in os.environ, os.listdir('/tmp'), os.listdir('.'))"
    execution = await sandbox.run(SandboxJob(code=code), "a")

    assert execution.stdout == "False False [] []\n"


@pytest.mark.parametrize("path", ["/proc/1/mem", "/proc/1/fd", "/proc/1/environ"])
async def test_a_check_cannot_reach_into_the_server(sandbox: AnySandbox, path: str):
    code = (
        f"import os\ntry: os.listdir({path!r}) if {path!r}.endswith('fd') else open({path!r}, 'rb').read(1)\n"
    )
    code += "except OSError as error: print(type(error).__name__)\nelse: print('PWNED')"

    execution = await sandbox.run(SandboxJob(code=code), "a")

    assert execution.stdout == "PermissionError\n"


async def test_a_check_holds_no_end_of_the_servers_channel(sandbox: AnySandbox):
    code = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])"

    assert (await sandbox.run(SandboxJob(code=code), "a")).stdout == "[0, 1, 2]\n"


async def test_what_cannot_be_cleaned_away_costs_the_sandbox_not_the_next_check(sandbox: AnySandbox):
    deep = "import os\nos.chdir('/tmp')\nfor n in range(3000):\n os.mkdir('d'); os.chdir('d')\nprint(n)"

    first = await sandbox.run(SandboxJob(code=deep), "a")
    second = await sandbox.run(SandboxJob(code="import os; print(os.listdir('/tmp'))"), "a")

    assert (first.stdout, second.stdout) == ("2999\n", "[]\n")


async def test_code_looks_like_a_script_to_itself(sandbox: AnySandbox):
    code = "import sys, __main__\nprint(__name__, vars(__main__) is vars(), 'agent_runtime_sandboxes' in sys.modules)"

    assert (await sandbox.run(SandboxJob(code=code), "a")).stdout == "__main__ True False\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "stderr"),
    [
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('gone')", 1, "gone\n"),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'bye')", 0, "bye"),
        (
            "import threading, time, sys; threading.Timer(.1, lambda: sys.stderr.write('late')).start()",
            0,
            "late",
        ),
        ("def f(:", 1, '  File "<python>", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
    ],
    ids=["exit", "code", "message", "atexit", "thread", "syntax", "signal"],
)
async def test_a_program_ends_as_it_would_elsewhere(
    sandbox: AnySandbox, code: str, exit_code: int, stderr: str
):
    execution = await sandbox.run(SandboxJob(code=code), "a")

    assert (execution.exit_code, execution.stderr) == (exit_code, stderr)


async def test_sixteen_at_once_lose_nothing(sandbox: AnySandbox):
    found: dict[int, str] = {}

    async def one(number: int) -> None:
        found[number] = (await sandbox.run(SandboxJob(code=f"print({number})"), f"scope-{number % 4}")).stdout

    async with anyio.create_task_group() as group:
        for number in range(16):
            group.start_soon(one, number)
    for number in range(4):
        await sandbox.release(f"scope-{number}")

    assert found == {number: f"{number}\n" for number in range(16)}


async def test_a_cancelled_check_is_dead_at_once(sandbox: AnySandbox):
    await sandbox.run(SandboxJob(code="pass"), "cancelled")
    started = time.monotonic()

    with anyio.move_on_after(0.3):
        await sandbox.run(SandboxJob(code="import time; time.sleep(60)", seconds=60.0), "cancelled")

    assert time.monotonic() - started < 30.0
    assert (await sandbox.run(SandboxJob(code="print(1)"), "cancelled")).stdout == "1\n"


async def test_two_trust_domains_share_no_process_and_no_file(sandbox: AnySandbox):
    listing = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]), os.listdir('/tmp'))"
    async with anyio.create_task_group() as group:
        sleeper = SandboxJob(code="open('/tmp/secret','w'); import time; time.sleep(1)")
        group.start_soon(sandbox.run, sleeper, "one")
        await anyio.lowlevel.checkpoint()
        execution = await sandbox.run(SandboxJob(code=listing), "two")

    assert execution.stdout == "2 []\n"
