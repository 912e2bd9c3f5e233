using Microsoft.ML.OnnxRuntime;

namespace Btx.Engine.Sessions;

/// <summary>A session bound to memory that others own; owns the tensors over it.</summary>
/// <param name="rebind">True where inputs are copied to a device when bound: they are bound again before each run.</param>
internal sealed class GraphBinding(InferenceSession session, bool rebind) : IDisposable
{
    private readonly OrtIoBinding io = session.CreateIoBinding();
    private readonly Dictionary<string, OrtValue> inputs = [], outputs = [];

    public void Input(string name, OrtValue value)
    {
        io.BindInput(name, value);
        Keep(inputs, name, value);
    }

    public void Output(string name, OrtValue value)
    {
        io.BindOutput(name, value);
        Keep(outputs, name, value);
    }

    /// <summary>Binds a view of the KV cache, which stays the caller's, as past and present at once.</summary>
    public void Cache(string[] pastNames, string[] presentNames, OrtValue[] view)
    {
        for (var i = 0; i < view.Length; i++)
        {
            io.BindInput(pastNames[i], view[i]);
            io.BindOutput(presentNames[i], view[i]);
        }
    }

    public void Run(RunOptions options)
    {
        if (rebind)
            foreach (var (name, value) in inputs) io.BindInput(name, value);
        session.RunWithBinding(options, io);
    }

    public void Dispose()
    {
        io.Dispose();
        foreach (var value in inputs.Values.Concat(outputs.Values)) value.Dispose();
    }

    private static void Keep(Dictionary<string, OrtValue> bound, string name, OrtValue value)
    {
        if (bound.Remove(name, out var before)) before.Dispose();
        bound.Add(name, value);
    }
}
