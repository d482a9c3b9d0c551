from ._interface import *
from ._devices import *
