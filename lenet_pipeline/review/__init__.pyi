from .options import ServerOptions as ServerOptions
from .people import Invitation as Invitation
from .people import invite as invite
from .people import list_people as list_people
from .people import revoke as revoke
from .server import create_app as create_app
from .server import serve as serve
