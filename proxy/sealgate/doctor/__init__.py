"""What the configuration of a client says about the gate: whether a pull can go around it.

Pure: files come in as bytes, findings go out. One module for each client; each says in which order that client asks
whom, and finds fault with whoever is not the gate. A client that ignores a file it cannot read goes around the gate
too: what is not understood is never taken for good.
"""

from sealgate.doctor.containerd import examine_folder as examine_folder
from sealgate.doctor.containerd import examine_hosts as examine_hosts
from sealgate.doctor.containers import examine_registries as examine_registries
from sealgate.doctor.docker import examine_daemon as examine_daemon
from sealgate.doctor.finding import Client as Client
from sealgate.doctor.finding import File as File
from sealgate.doctor.finding import Finding as Finding
from sealgate.doctor.gate import Gate as Gate
from sealgate.doctor.kubernetes import examine_k3s as examine_k3s
from sealgate.doctor.kubernetes import examine_talos as examine_talos
from sealgate.doctor.kubernetes import is_talos as is_talos
