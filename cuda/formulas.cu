#include "formulas.cuh"
#include "kernels.cuh"

namespace thalweg::cuda {

THALWEG_DEVICE_KERNELS(Formulas)

}  // namespace thalweg::cuda
