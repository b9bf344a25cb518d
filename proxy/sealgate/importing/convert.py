"""Which format a file is, and what becomes of it."""

from sealgate.errors import ConfigurationInvalid, JsonMalformed
from sealgate.importing.connaisseur import connaisseur
from sealgate.importing.containers import ReadFile, policy_json
from sealgate.importing.kyverno import cluster_policy, image_validating_policy
from sealgate.importing.made import Imported
from sealgate.importing.policy_controller import cluster_image_policy
from sealgate.importing.source import Node, documents


def convert(file: str, raw: bytes, read_file: ReadFile) -> Imported:
    """Policies of another gate, as ours.

    Args:
        file: its name, for messages.
        raw: what it says.
        read_file: reads a file that it names; raises `ConfigurationInvalid`.

    Raises:
        ConfigurationInvalid: it cannot be read strictly, has not the form its own program asks for, or holds nothing
            that is known here.
    """
    made = Imported()
    try:
        found = list(documents(file, raw))
    except JsonMalformed as error:
        raise ConfigurationInvalid(f"{file}: {error}") from error
    for document in found:
        root = Node(document, made)
        group, kind = str(document.at(("apiVersion",))).partition("/")[0], document.at(("kind",))
        if (group, kind) == ("policy.sigstore.dev", "ClusterImagePolicy"):
            cluster_image_policy(root, made)
        elif group == "kyverno.io" and kind in {"ClusterPolicy", "Policy"}:
            cluster_policy(root, made)
        elif group == "policies.kyverno.io" and kind in {"ImageValidatingPolicy", "NamespacedImageValidatingPolicy"}:
            image_validating_policy(root, made)
        elif kind is not None or "apiVersion" in root:
            root.lose(f"nothing is known of {group} {kind}; it was left out", weaker=True)
        elif "default" in root and isinstance(document.at(("default",)), list):
            policy_json(root, made, read_file)
        elif "validators" in root or "application" in root:
            connaisseur(root, made)
        else:
            raise root.wrong("it is none of the files that --help names")
    return made
