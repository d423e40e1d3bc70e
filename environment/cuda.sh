# What Horovod needs to know to be built for GPUs with NCCL. Sourced by wheelhouse.sh, which has
# made a virtual environment with torch's CUDA build in $scratch/venv. NCCL is the one in there, so
# that Horovod and torch share a library.
nccl=$scratch/venv/lib/python3.11/site-packages/nvidia/nccl
export HOROVOD_GPU_OPERATIONS=NCCL
# The one name is read by torch, the other by Horovod.
export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
export HOROVOD_CUDA_HOME=$CUDA_HOME
export HOROVOD_NCCL_LINK=SHARED HOROVOD_NCCL_INCLUDE=$nccl/include HOROVOD_NCCL_LIB=$scratch/nccl
# From Turing to Blackwell. Left to itself Horovod compiles for all that nvcc knows.
export HOROVOD_BUILD_CUDA_CC_LIST=${HOROVOD_BUILD_CUDA_CC_LIST:-75,80,86,89,90,100,120}

[[ -x $CUDA_HOME/bin/nvcc ]] ||
    fail "there is no CUDA compiler at $CUDA_HOME/bin/nvcc; name the toolkit with CUDA_HOME=/path" 2
# The wheel has the library without the link that linkers look for.
mkdir "$scratch/nccl"
ln -s "$nccl/lib/libnccl.so.2" "$scratch/nccl/libnccl.so"
