#!/bin/sh
# Builds the native addon of @tensorflow/tfjs-node. Needs no access to TensorFlow's download server.
#
#   build-tfjs-addon.sh [PACKAGE [CACHE]]
#
#   PACKAGE  the installed npm package                 (default: node_modules/@tensorflow/tfjs-node)
#   CACHE    where the build is kept, about 600 MB     (default: .venv/tfjs-addon)
#
# Needs node with its headers and npm, a C++ compiler, make, and python3 with pip (or the Python
# that PYTHON names). On Linux it compiles the addon against the TensorFlow libraries from the PyPI
# wheel; the Python code in the wheel is not used. If CACHE already has the build, it is only linked
# into PACKAGE. On other systems npm downloads the prebuilt addon.
set -eu
unset MAKEFLAGS MFLAGS MAKELEVEL # or the make that node-gyp runs would inherit them

root=$(cd "$(dirname "$0")/.." && pwd)
package=$(cd "${1:-$root/node_modules/@tensorflow/tfjs-node}" && pwd)
cache=${2:-$root/.venv/tfjs-addon}
python=${PYTHON:-python3}
tensorflow=2.15.1
binding=lib/napi-v8/tfjs_binding.node

case $(uname -s)-$(uname -m) in
  Linux-x86_64)
    wheel=tensorflow-cpu platform=manylinux2014_x86_64
    sha256=54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26
    ;;
  Linux-aarch64)
    wheel=tensorflow-cpu-aws platform=manylinux2014_aarch64
    sha256=d4c3a3a9363bf42999adedbbd514e3a133be2d62f61fee9cfa46aaefb087c09e
    ;;
  *)
    cd "$package/../../.."
    exec npm rebuild --ignore-scripts=false @tensorflow/tfjs-node
    ;;
esac

version=$(node -p 'require(process.argv[1]).version' "$package/package.json")
built=$cache/tfjs-node-$version-tensorflow-$tensorflow-$(uname -m)

if [ ! -e "$built" ]; then
  work=$cache/building
  rm -rf "$work"
  mkdir -p "$work"
  compile_dir=$(mktemp -d) # node-gyp cannot compile in a path with a space
  trap 'rm -rf "$work" "$compile_dir"' EXIT
  trap 'exit 143' TERM INT HUP

  echo "tfjs-node addon: downloading $wheel $tensorflow (200 MB)"
  echo "$wheel==$tensorflow --hash=sha256:$sha256" >"$work/requirements.txt"
  "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
    --only-binary=:all: --python-version 311 --platform "$platform" \
    --require-hashes --requirement "$work/requirements.txt" --dest "$work/wheel"

  echo "tfjs-node addon: unpacking"
  mkdir -p "$work/deps/lib"
  "$python" - "$work"/wheel/*.whl "$work" <<'PYTHON'
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
needed = ("tensorflow/include/", "tensorflow/libtensorflow_")
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(needed)])
PYTHON
  mv "$work/tensorflow/include" "$work/deps/include"
  mv "$work"/tensorflow/libtensorflow_*.so.2 "$work/deps/lib"
  # The linker looks for these names, the loader for the ones above.
  ln -s libtensorflow_cc.so.2 "$work/deps/lib/libtensorflow.so"
  ln -s libtensorflow_framework.so.2 "$work/deps/lib/libtensorflow_framework.so"

  echo "tfjs-node addon: compiling"
  cp -R "$package/binding" "$package/binding.gyp" "$package/package.json" "$compile_dir"
  prefix=$(node -p 'path.resolve(process.execPath, "../..")')
  ln -s "$work/deps" "$compile_dir/deps"
  ln -s "$prefix" "$compile_dir/node"
  node "$prefix/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild \
    --directory="$compile_dir" --nodedir="$compile_dir/node" --python="$(command -v "$python")" --loglevel=error \
    --module_name=tfjs_binding --module_path="$compile_dir/lib/napi-v8" \
    --napi_version=8 --napi_build_version=8 >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    exit 1
  }

  mkdir "$work/built" "$work/built/deps"
  rm "$work"/deps/lib/*.so
  mv "$compile_dir/lib" "$work/built/lib"
  mv "$work/deps/lib" "$work/built/deps/lib"
  mv "$work/built" "$built"
fi

rm -rf "$package/deps" "$package/lib"
# Hard links, or copies if the cache is on another file system.
cp -Rl "$built/deps" "$built/lib" "$package" 2>/dev/null || cp -R "$built/deps" "$built/lib" "$package"
TF_CPP_MIN_LOG_LEVEL=2 node -e 'require(process.argv[1])' "$package/$binding"
echo "tfjs-node addon: ready"
