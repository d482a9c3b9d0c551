# How a target module is chosen and built. Used by CMakeLists.txt, where sources and levels are listed.

include(CheckCXXCompilerFlag)

# The name of the best target that the machine which builds can run.
function(thalweg_native_target result)
  list(LENGTH known_targets count)
  if(count EQUAL 1)
    set(${result} ${known_targets} PARENT_SCOPE)
    return()
  endif()
  if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "THALWEG_TARGETS=native asks the processor, which a cross build cannot; "
                        "name the targets instead.")
  endif()
  set(source "${CMAKE_CURRENT_BINARY_DIR}/native_level.cpp")
  file(WRITE "${source}" "int main() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports(\"x86-64-v4\")) return 4;
  if (__builtin_cpu_supports(\"x86-64-v3\")) return 3;
  return __builtin_cpu_supports(\"x86-64-v2\") ? 2 : 0;
}\n")
  try_run(level compiled "${CMAKE_CURRENT_BINARY_DIR}" "${source}")
  if(NOT compiled OR NOT level MATCHES "^[234]$")
    message(FATAL_ERROR "THALWEG_TARGETS=native: this machine runs none of ${known_targets}, or the "
                        "compiler cannot tell (GCC >= 12 or Clang >= 18 can); name the targets "
                        "instead.")
  endif()
  set(${result} cpu_v${level} PARENT_SCOPE)
endfunction()

# Turn THALWEG_TARGETS into names. A level that was named must be known to the compiler; "all" and
# "native" take those that are.
function(thalweg_choose_targets result)
  set(buildable "")
  foreach(target IN LISTS known_targets)
    set(has_${target} TRUE)
    if(${target}_flags)
      check_cxx_compiler_flag(${${target}_flags} has_${target})
    endif()
    if(has_${target})
      list(APPEND buildable ${target})
    endif()
  endforeach()
  if(THALWEG_TARGETS STREQUAL "all")
    set(chosen ${buildable})
  elseif(THALWEG_TARGETS STREQUAL "native")
    thalweg_native_target(chosen)
  else()
    set(chosen ${THALWEG_TARGETS})
  endif()
  if(NOT chosen)
    message(FATAL_ERROR "The compiler knows none of the targets ${known_targets}.")
  endif()
  foreach(target IN LISTS chosen)
    if(NOT target IN_LIST buildable)
      message(FATAL_ERROR "THALWEG_TARGETS=${THALWEG_TARGETS}: '${target}' is not one of the targets "
                          "this compiler can build (${buildable}), \"all\" or \"native\".")
    endif()
  endforeach()
  set(${result} ${chosen} PARENT_SCOPE)
endfunction()

# Ask the Python that builds where a build requirement lies.
function(thalweg_find_in_python result package command)
  execute_process(COMMAND "${Python_EXECUTABLE}" -c "${command}" OUTPUT_VARIABLE path
    OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0 OR NOT IS_DIRECTORY "${path}")
    message(FATAL_ERROR "The build needs the Python package '${package}' in ${Python_EXECUTABLE}: "
                        "run 'pip install ${package}', or build with 'pip install .', which does.")
  endif()
  set(${result} "${path}" PARENT_SCOPE)
endfunction()

# What every module here shares: language, warnings, hidden symbols, place of installation.
function(thalweg_common_settings module)
  set_target_properties(${module} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${module} PRIVATE -Wall -Wextra -Wno-psabi
    $<$<BOOL:${THALWEG_WERROR}>:-Werror>)
  if(THALWEG_SANITIZE)
    # -O1 comes after the -O3 of a release: a sanitized build is for finding errors, soon.
    target_compile_options(${module} PRIVATE -O1 -g1 -fno-omit-frame-pointer
      -fsanitize=${THALWEG_SANITIZE} -fno-sanitize-recover=all)
    # What is inlined at any price, for speed, took the compiler twice as long here.
    target_compile_definitions(${module} PRIVATE always_inline=)
    target_link_options(${module} PRIVATE -fsanitize=${THALWEG_SANITIZE})
  endif()
  install(TARGETS ${module} LIBRARY DESTINATION thalweg/_targets)
endfunction()

set(exports "${CMAKE_CURRENT_BINARY_DIR}/exports.map")
file(WRITE "${exports}" "{ global: PyInit_*; local: *; };\n")

# One target: the whole core, with landscapes of its own. What is added here counts for its C++ files.
function(thalweg_add_target target)
  pybind11_add_module(${target} MODULE NO_EXTRAS ${ARGN} ${engine} ${bindings})
  thalweg_common_settings(${target})
  # Most of a binding's compile time is pybind11's headers: read once, it takes a third of the time.
  set_source_files_properties(${bindings} PROPERTIES UNITY_GROUP bindings)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_include_directories(${target} PRIVATE cpp/include cpp/bindings)
  target_include_directories(${target} SYSTEM PRIVATE "${eigen_dir}")
  target_link_libraries(${target} PRIVATE Threads::Threads)
  # Instances of standard templates are visible by default; compiled for one level, they must not
  # serve another. Only the entry point of the module leaves it.
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports})
  # Products and sums are fused where the text says fma() and nowhere else, and sums keep the order
  # in which they are written (never -ffast-math): so a formula gives the same bits wherever it is
  # inlined, and nan stays nan.
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math)
  # The namespace carries the target's name. Types of two targets in one process are then different
  # types: pybind11 keeps them apart, and a handle of one target is refused by another.
  target_compile_definitions(${target} PRIVATE THALWEG_TARGET_NAME=${target}
    thalweg=thalweg_${target})
endfunction()
