"""What tests of the shell type, and the person who answers its questions."""

from tokenless.services.admin.shell import AdminShell, CommandResult

PUBLISHER = "cucm-1051-a-pub"
SUBSCRIBER = "cucm-1051-a-sub1"
MODE = (
    "run sql select paramname,paramvalue from processconfig"
    " where paramname='ClusterSecurityMode'"
)
MIXED = "utils ctl set-cluster mixed-mode"
NON_SECURE = "utils ctl set-cluster non-secure-mode"
RESTART = (
    "Please Restart the TFTP and Cisco CallManager services on all nodes in the "
    "cluster that run these services\n"
)


class Answers:
    """A person at the terminal."""

    def __init__(self, *answers: str) -> None:
        self.questions: list[str] = []
        self._answers = list(answers)

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self._answers.pop(0)


def done(result: CommandResult) -> str:
    assert result.error is None
    assert result.status == 0
    return result.text


def refusal(result: CommandResult) -> str:
    """Return why a command was refused."""
    assert result.status == 1
    assert result.error is not None
    return result.error


def mode(shell: AdminShell) -> str:
    return done(shell.run(MODE)).split()[-1]
