from ._interface import *
