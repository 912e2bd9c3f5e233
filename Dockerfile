# Btx.Serving's server, for CUDA 13.
#   docker build -t btx .
#   mkdir keys && ./btx keys create --keys keys/keys.json --name me > me.key && sudo chown -R 10001 keys
#   docker run --gpus all -p 8080:8080 -v ./keys:/forest/keys:ro -v /path/to/served:/forest/served:ro -v /path/to/forest:/forest/forest:ro btx
# It serves the forest as it is. To change it while it serves, mount both writable for user 10001 and give the arguments of `serve` yourself, without
# --read-only (docs/guide.md).
# The served forest refers to the forest that it was exported from; `./btx export --copy-weights` makes it stand alone.

FROM ubuntu:24.04 AS build
ARG BtxDevice=cuda
RUN apt-get update && apt-get install -y --no-install-recommends dotnet-sdk-10.0 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Directory.Build.props Directory.Build.targets Directory.Packages.props global.json .editorconfig ./
COPY model/Btx.Model.csproj model/
COPY cli/Btx.Cli.csproj cli/
COPY protos/Btx.Protos.csproj protos/
COPY client/Btx.Client.csproj client/
COPY server/engine/Btx.Engine.csproj server/engine/
COPY server/forest/Btx.Forest.csproj server/forest/
COPY server/host/Btx.Server.csproj server/host/
COPY exporter/Btx.Exporter.csproj exporter/
RUN for p in server/host/Btx.Server exporter/Btx.Exporter; do dotnet restore $p.csproj -p:BtxDevice=${BtxDevice} -r linux-x64 || exit 1; done
COPY model model
COPY cli cli
COPY protos protos
COPY client client
COPY server server
COPY exporter exporter
# The exporter lies beside the server, which runs it to mix a BTX model again when its experts change.
RUN for p in server/host/Btx.Server exporter/Btx.Exporter; do \
      dotnet publish $p.csproj -c Release -r linux-x64 --self-contained false -p:BtxDevice=${BtxDevice} -p:GenerateDocumentationFile=false -o /app || exit 1; \
    done

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS run
RUN apt-get update \
 && apt-get install -y --no-install-recommends aspnetcore-runtime-10.0 ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin btx
WORKDIR /app
COPY --from=build /app ./
USER 10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD curl -fsS http://127.0.0.1:8080/health || exit 1
ENTRYPOINT ["dotnet", "Btx.Server.dll"]
CMD ["serve", "--forest", "/forest/served", "--http", "0.0.0.0:8080", "--grpc", "0.0.0.0:8081", "--device", "cuda", "--read-only", "--keys", "/forest/keys/keys.json"]
