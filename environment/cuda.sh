# The settings that build Horovod for GPUs with NCCL. Sourced by wheelhouse.sh, which has made a virtual
# environment with torch's CUDA build: $python. Its NCCL is used, so that Horovod and torch share one
# library.
nccl=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/nccl
export HOROVOD_GPU_OPERATIONS=NCCL
export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
export HOROVOD_NCCL_LINK=SHARED HOROVOD_NCCL_INCLUDE=$nccl/include HOROVOD_NCCL_LIB=$scratch/nccl

# Linkers look for libnccl.so, and the wheel of NCCL only has libnccl.so.2.
mkdir "$scratch/nccl"
ln -s "$nccl/lib/libnccl.so.2" "$scratch/nccl/libnccl.so"
