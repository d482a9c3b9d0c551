#!/usr/bin/env bash
# Everything there is to check on a machine with an NVIDIA GPU, in one go:
#
#   tests/run_gpu.sh [FOLDER]
#
# builds the target cuda into a virtual environment of its own, runs the suites over it, the
# sanitizers on small cases, and the benchmarks against JAX and PyTorch on the same GPU. FOLDER
# (default: gpu-report) receives a log of every part and summary.json. Exit status: 0 if all parts
# passed. Needs nvcc, cmake, ninja, and Python >= 3.11 with what the tests use, JAX for CUDA and
# PyTorch; a part that cannot run is reported as failed, not left out.
#
#   PYTHON        the interpreter; its site packages are used                 (default: python3)
#   GPU_DEVICE    the device: cuda, cuda:1                                    (default: cuda)
#   GPU_PARTS     of build, doctor, contract, solvers, dynamics, memcheck, racecheck, bench (default: all)
#   GPU_REPLICAS  R of the benchmarks                            (default: 1024,16384,262144)
#   GPU_WHEELS    a folder of wheels, where no package index can be reached: of scikit-build-core,
#                 pybind11, cmeel-eigen and what they need
#   GPU_DRY_RUN   1: print the commands of all parts and run none
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

out=$(mkdir -p "${1:-gpu-report}" && cd "${1:-gpu-report}" && pwd)
python=${PYTHON:-python3}
device=${GPU_DEVICE:-cuda}
parts=${GPU_PARTS:-build,doctor,contract,solvers,dynamics,memcheck,racecheck,bench}
replicas=${GPU_REPLICAS:-1024,16384,262144}
venv=$out/venv
results=$out/parts.txt
: >"$results"

# part NAME COMMAND...: runs it, its output goes to NAME.log, its outcome to the summary.
part() {
  local name=$1 begin=$SECONDS status=0
  shift
  case ",$parts," in *",$name,"*) ;; *) return 0 ;; esac
  printf '\n=== %s\n' "$name"
  if [[ ${GPU_DRY_RUN:-} == 1 ]]; then
    printf '%q ' "$@"
    printf '\n'
    return 0
  fi
  "$@" 2>&1 | tee "$out/$name.log"
  status=${PIPESTATUS[0]}
  printf '%s %d %d\n' "$name" "$status" $((SECONDS - begin)) >>"$results"
}

build() {
  local from=()
  [[ -n ${GPU_WHEELS:-} ]] && from=(--no-index --find-links "$GPU_WHEELS")
  "$python" -m venv --system-site-packages "$venv" &&
    "$venv/bin/pip" install --quiet "${from[@]}" scikit-build-core pybind11 cmeel-eigen &&
    "$venv/bin/pip" install --no-build-isolation --no-deps \
      -C cmake.define.THALWEG_CUDA=ON -C cmake.define.THALWEG_TARGETS=native \
      -C cmake.define.THALWEG_WERROR=ON -C cmake.define.THALWEG_KERNEL_REPORT=ON -v .
}

# The suites over the rows of this target only. The environment's own package must be the one built.
suite() {
  (cd tests && "$venv/bin/python" -m pytest -p no:cacheprovider -c ../pyproject.toml --rootdir .. \
    -k "cuda and not cuda_emulated" "$@")
}

# Few replicas, few steps: sanitizers slow kernels down a hundredfold.
sanitized() {
  compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20 \
    "$venv/bin/python" tests/gpu_small.py "$device"
}

bench() {
  "$venv/bin/python" -m bench.gpu --device "$device" --replicas "$replicas" --json "$out/bench.json"
}

part build build
part doctor "$venv/bin/python" -m thalweg.cli doctor
part contract suite test_landscape_contract.py test_landscape_known.py test_landscape_bits.py \
  test_functions.py test_rng.py test_devices.py test_device_mlp.py test_device_tiny_mlp.py \
  test_device_hessian.py
part solvers suite test_device_solvers.py test_zeros.py
part dynamics suite test_dynamics_contract.py test_dynamics_physics.py test_langevin_reference.py \
  test_gradient_flow.py test_schedules.py
part memcheck sanitized memcheck
part racecheck sanitized racecheck
part bench bench

[[ ${GPU_DRY_RUN:-} == 1 ]] && exit 0
"$python" - "$out" <<'PYTHON'
"""Gather the parts into summary.json, and say how it went."""
import json, pathlib, subprocess, sys

out = pathlib.Path(sys.argv[1])
parts = {}
for line in (out / "parts.txt").read_text().splitlines():
    name, status, seconds = line.split()
    parts[name] = {"status": int(status), "seconds": int(seconds)}
query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
try:
    gpu = subprocess.run(query, capture_output=True, text=True).stdout.strip()
except OSError as error:
    gpu = str(error)
commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
bench = out / "bench.json"
figures = json.loads(bench.read_text()) if bench.exists() else None
summary = {"commit": commit, "gpu": gpu, "parts": parts, "bench": figures}
(out / "summary.json").write_text(json.dumps(summary, indent=1))
for name, part in parts.items():
    print(f"{name:<10} {'passed' if part['status'] == 0 else 'FAILED'}  {part['seconds']} s")
sys.exit(any(part["status"] for part in parts.values()))
PYTHON
