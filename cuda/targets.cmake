# The targets with devices: "cuda", or "cuda_emulated" for tests. See THALWEG_CUDA in CMakeLists.txt.

# What both share: the core, with what a device does.
function(thalweg_add_device_target target)
  thalweg_add_target(${target} ${device_only} cpp/bindings/devices.cpp ${ARGN})
  target_include_directories(${target} PRIVATE cuda)
  target_compile_definitions(${target} PRIVATE THALWEG_HAS_DEVICES)
endfunction()

# Kernels and the device's memory, by nvcc. The driver is not linked: the static runtime looks for it
# when it is first called, so the module can be imported where there is none.
function(thalweg_add_cuda)
  add_library(cuda_kernels OBJECT cuda/device.cu ${kernels})
  set_target_properties(cuda_kernels PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON
    CUDA_EXTENSIONS OFF CUDA_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON
    CUDA_RUNTIME_LIBRARY Static CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}")
  target_include_directories(cuda_kernels PRIVATE cpp/include cuda)
  # -fmad=false: products and sums are fused where the text says fma() and nowhere else, as on a CPU.
  target_compile_options(cuda_kernels PRIVATE -fmad=false --expt-relaxed-constexpr --threads=2
    -Xcompiler=-Wall,-Wno-psabi,-ffp-contract=off,-fno-math-errno
    $<$<BOOL:${THALWEG_WERROR}>:-Werror=all-warnings>
    $<$<BOOL:${THALWEG_KERNEL_REPORT}>:-Xptxas=-v>)
  target_compile_definitions(cuda_kernels PRIVATE thalweg=thalweg_cuda)
  thalweg_add_device_target(cuda $<TARGET_OBJECTS:cuda_kernels>)
  target_link_libraries(cuda PRIVATE CUDA::cudart_static)
endfunction()

# The same text as plain C++.
function(thalweg_add_emulated)
  set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
  thalweg_add_device_target(cuda_emulated ${kernels} cuda/device_emulated.cpp
    cuda/emulated_block.cpp)
  if(cpu_v3_flags)  # a GPU has fused multiply-add
    target_compile_options(cuda_emulated PRIVATE ${cpu_v3_flags})
  endif()
endfunction()

set(wanted "${THALWEG_CUDA}")
if(wanted STREQUAL "AUTO")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(wanted "ON")
    message(STATUS "THALWEG_CUDA=AUTO: the target cuda is built with ${CMAKE_CUDA_COMPILER}")
  else()
    set(wanted "OFF")
    message(STATUS "THALWEG_CUDA=AUTO: no nvcc was found, the target cuda is not built")
  endif()
endif()

if(wanted STREQUAL "EMULATE")
  thalweg_add_emulated()
elseif(wanted)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "As CMake's: 90 is code and PTX")
  enable_language(CUDA)  # here, since languages cannot be enabled in a function
  find_package(CUDAToolkit 12 REQUIRED)
  thalweg_add_cuda()
endif()
