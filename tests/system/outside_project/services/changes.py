"""Changes of a cluster's trust, as this project automates them.

They take whatever has `admin` and the rest: a lab in tests, a cluster in containers.
"""


def to_mixed_mode(cluster):
    """Sign the CTL with the publisher's key."""
    said = cluster.admin("utils ctl set-cluster mixed-mode")
    cluster.restart_tftp()
    return said


def to_mixed_mode_with_tokens(cluster, *tokens):
    """Sign the first CTL with hardware tokens."""
    for token in tokens:
        cluster.create_token(token)
    cluster.ctl_client(*tokens, mode="mixed-mode")
    cluster.restart_tftp()


def from_tokens_to_tokenless(cluster, *tokens):
    """Let the publisher's key sign; TVS still vouches for what a token signed."""
    for token in tokens:
        cluster.upload_certificate("Phone-SAST-trust", token)
    return to_mixed_mode(cluster)


def from_tokenless_to_tokens(cluster, *tokens):
    """Make the file anew with tokens, for which TVS vouches."""
    cluster.admin("file delete tftp CTLFile.tlv")
    for token in tokens:
        cluster.upload_certificate("Phone-SAST-trust", token)
    cluster.ctl_client(*tokens, ignore_missing_file=True)
    cluster.restart_tftp()


def regenerate_callmanager(cluster):
    """Give the publisher a new CallManager certificate, and the CTL its new signer."""
    cluster.admin("set cert regen CallManager")
    cluster.admin("utils ctl update CTLFile")
    cluster.restart_tftp()
