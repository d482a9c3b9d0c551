// The compiled landscapes given by one formula, a line each. (The MLP has a schedule of its own.)
#pragma once

#include <thalweg/landscapes/cosh_well.hpp>
#include <thalweg/landscapes/exponential_walls.hpp>
#include <thalweg/landscapes/muller_brown.hpp>
#include <thalweg/landscapes/quadratic.hpp>
#include <thalweg/landscapes/rastrigin.hpp>

#define THALWEG_FORMULAS(X) \
  X(CoshWell)               \
  X(ExponentialWalls)       \
  X(MullerBrown)            \
  X(Quadratic)              \
  X(Rastrigin)
