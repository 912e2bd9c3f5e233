using System.Text;
using TorchSharp;
using TorchSharp.Modules;

namespace Btx.Trainer.Checkpoints;

/// <summary>Resume points of a run: <c>resume/step-N/</c> with fp32 weights, optimizer moments and <see cref="ResumeState"/>. A point is
/// built aside, synced and renamed, and the one before it is kept, so a kill or a full disk costs only the steps since.</summary>
public sealed class ResumeStore(string runDirectory)
{
    public const int Generations = 2;

    private const string WeightsFile = "weights.safetensors", OptimizerFile = "optimizer.bin", StateFile = "state.json",
        BestFile = "best.safetensors", Prefix = "step-";

    public string DirectoryPath { get; } = Path.Combine(runDirectory, "resume"); // where the points lie

    /// <exception cref="BtxException">It cannot be written (a full disk, say); the points there stay.</exception>
    public void Save(ResumeState state, LlamaModel model, AdamW optimizer)
    {
        try
        {
            using var point = new AtomicDirectory(Path.Combine(DirectoryPath, $"{Prefix}{state.Step:D10}"));
            SaveWeights(Path.Combine(point.Building, WeightsFile), model);
            AtomicFile.Write(Path.Combine(point.Building, OptimizerFile), stream =>
            {
                using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
                optimizer.save_state_dict(writer);
            });
            ManifestJson.Save(state, Path.Combine(point.Building, StateFile));
            point.Commit();
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot write a resume point to {DirectoryPath}: {e.Message}; the one before it is intact", e);
        }

        foreach (var old in Points().Skip(Generations)) Directory.Delete(old, recursive: true);
    }

    /// <summary>The newest point whose state can be read, or null. Half-built leftovers of a killed process are removed.</summary>
    public (ResumeState State, string Point)? Latest()
    {
        if (!Directory.Exists(DirectoryPath)) return null;
        foreach (var left in Directory.EnumerateDirectories(DirectoryPath, ".*")) Directory.Delete(left, recursive: true);
        foreach (var point in Points())
        {
            try
            {
                using var weights = SafetensorsFile.Open(Path.Combine(point, WeightsFile));
                var path = Path.Combine(point, StateFile);
                return (ManifestJson.Read<ResumeState>(BoundedFile.Read(path), path, "a resume point"), point);
            }
            catch (BtxException)
            {
                continue; // damaged by something outside; the generation before it serves
            }
        }

        return null;
    }

    /// <summary>Puts weights and moments back, bit for bit.</summary>
    /// <exception cref="BtxException">The point does not fit the model.</exception>
    public static void Restore(string point, LlamaModel model, AdamW optimizer)
    {
        RestoreWeights(Path.Combine(point, WeightsFile), model);
        try
        {
            using var scope = torch.NewDisposeScope();
            using var reader = new BinaryReader(File.OpenRead(Path.Combine(point, OptimizerFile)));
            optimizer.load_state_dict(reader);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException)
        {
            throw new BtxException($"{Path.Combine(point, OptimizerFile)}: cannot be read ({BtxException.OneLine(e.Message)}); delete "
                + $"{point} to resume from the point before, or start over with --fresh", e);
        }
    }

    /// <summary>Keeps the weights as the best of the run so far.</summary>
    public void SaveBest(LlamaModel model) => SaveWeights(Path.Combine(DirectoryPath, BestFile), model);

    /// <summary>Puts the best weights back.</summary>
    /// <exception cref="BtxException">They are not there or do not fit the model.</exception>
    public void RestoreBest(LlamaModel model) => RestoreWeights(Path.Combine(DirectoryPath, BestFile), model);

    /// <summary>Removes every point.</summary>
    public void Clear()
    {
        if (Directory.Exists(DirectoryPath)) Directory.Delete(DirectoryPath, recursive: true);
    }

    private static void SaveWeights(string path, LlamaModel model) => SafetensorsWriter.Write(path,
        [.. model.NamedParameters.Select(p => (p.Name, TensorDtype.F32, p.Parameter.shape))], LlamaCheckpoint.Writer(model, torch.float32));

    private static void RestoreWeights(string path, LlamaModel model)
    {
        using var weights = SafetensorsFile.Open(path);
        foreach (var (name, parameter) in model.NamedParameters)
            if (weights[name] is not { Dtype: TensorDtype.F32 } info || !info.Shape.SequenceEqual(parameter.shape))
                throw new BtxException($"{path}: tensor \"{name}\" does not fit the model; start over with --fresh");

        LlamaCheckpoint.Fill(model, (name, values) => weights.CopyTo(weights[name], values));
    }

    // Newest first.
    private IEnumerable<string> Points() =>
        [.. Directory.EnumerateDirectories(DirectoryPath, Prefix + "*").OrderByDescending(p => p, StringComparer.Ordinal)];
}

/// <summary>What a run needs besides weights and optimizer moments to go on exactly. The schedule and a network's
/// random numbers are functions of the step.</summary>
/// <param name="Options">Hash of the options that the run was started with.</param>
public sealed record ResumeState(long Step, SamplerState Sampler, double Seconds, string Options)
{
    public IReadOnlyList<double>? Routing { get; init; } // of a BTX model: the routing sums since the last statistic
    public BestValidation? Best { get; init; } // null before the first validation
}
