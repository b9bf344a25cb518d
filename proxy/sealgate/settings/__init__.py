"""The settings of one gate: from `sealgate.yaml`, variables and flags, checked whole before anything is built.

`model` is what comes out, `given` what was said and by whom, and a module for each section reads it; `read` puts it all
together.
"""

from sealgate.settings.alerts import webhook_of as webhook_of
from sealgate.settings.model import AlertSettings as AlertSettings
from sealgate.settings.model import KeySettings as KeySettings
from sealgate.settings.model import Overrides as Overrides
from sealgate.settings.model import Settings as Settings
from sealgate.settings.model import SharedState as SharedState
from sealgate.settings.model import TlsSettings as TlsSettings
from sealgate.settings.model import TrustedRootSettings as TrustedRootSettings
from sealgate.settings.model import UpstreamCredentials as UpstreamCredentials
from sealgate.settings.model import UpstreamSettings as UpstreamSettings
from sealgate.settings.model import UpstreamTimeouts as UpstreamTimeouts
from sealgate.settings.model import UpstreamTls as UpstreamTls
from sealgate.settings.read import read_settings as read_settings
