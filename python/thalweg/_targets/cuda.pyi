from ._devices import *
from ._interface import *
