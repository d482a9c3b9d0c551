// The kernels of tiny networks.
#include "kernels.cuh"
#include "mlp_warp.cuh"

namespace thalweg::cuda {

THALWEG_DEVICE_KERNELS(LaneMlp2x8)
THALWEG_DEVICE_KERNELS_OF(float, LaneMlp4x8)

}  // namespace thalweg::cuda
