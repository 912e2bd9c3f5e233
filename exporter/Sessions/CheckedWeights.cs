using Btx.Exporter.Graphs;
using Btx.Model.Devices;
using Btx.Model.Tensors;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter.Sessions;

/// <summary>
/// Opens the graphs of a directory on one expert's weights. On the CPU the mapped memory is bound to the placeholders, exactly as
/// the server does; on CUDA the runtime reads the same bytes from the weight files and takes them to the device.
/// </summary>
internal sealed class CheckedWeights(Checkpoint checkpoint, GraphPrecision precision, DeviceSpec device) : IDisposable
{
    private readonly BoundWeights bound = new(checkpoint);

    public InferenceSession Open(string graphDirectory, GraphForm form, int threads)
    {
        using var options = DeviceSessions.Options(device, threads);
        if (!device.IsCuda)
        {
            bound.AddTo(options);
            // Loads at once and shares the file's pages; the repacked layout is of use only to a server.
            options.AddSessionConfigEntry("session.disable_prepacking", "1");
            // On the CPU, fp16 weights are cast at every run: casting them once at load would read the placeholders' data, which is in no file.
            options.AddSessionConfigEntry("optimization.disable_specified_optimizers", "FuseFp16InitializerToFp32NodeTransformer");
            return new InferenceSession(Path.Combine(graphDirectory, form.FileName), options);
        }

        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", checkpoint.DirectoryPath);
        var model = LlamaGraph.Build(checkpoint.Config, form, precision, CheckpointPlacement.In(checkpoint));
        RotaryTable.Embed(model, checkpoint.Config, precision);
        return new InferenceSession(model.ToByteArray(), options);
    }

    public void Dispose() => bound.Dispose();
}
