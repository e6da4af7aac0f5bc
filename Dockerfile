# docker build -t poolcli . && docker run --rm -v "$PWD:/data" poolcli max --size 2 in.npy -o out.npy
FROM python:3.13-slim AS build
COPY . /source
# The image has no compiler: the build fetches ziglang for itself.
RUN pip wheel --no-cache-dir --wheel-dir /wheels /source

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels poolcli
WORKDIR /data
ENTRYPOINT ["poolcli"]
