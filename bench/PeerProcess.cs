using System.Diagnostics;
using System.Text.Json;
using Btx.Model;

namespace Btx.Bench;

/// <summary>Another library with one expert, in a process of its own (Btx.Peer): JSON lines in and out.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process process;
    private long last;

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="library">genai or llama.cpp.</param>
    /// <param name="directory">The expert: exported with GenAI's files, or a Hugging Face directory.</param>
    /// <param name="more">Arguments of the library alone.</param>
    public PeerProcess(string library, string directory, int threads, int slots, params string[] more)
    {
        // It lies beside this program's own folder.
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Btx.Peer", "release", "Btx.Peer"));
        if (!File.Exists(program)) throw new BtxException($"{program} is not there; `./btx bench` builds it");
        process = Process.Start(new ProcessStartInfo(program, [library, "--model", directory, "--threads", $"{threads}", "--slots",
            $"{slots}", .. more])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        if (Read() != "ready") throw new BtxException($"{library}: the first line of its process is not that it is ready");
    }

    /// <summary>A batch of greedy generations.</summary>
    /// <returns>Tokens a second once every one of them has its first.</returns>
    public double Decode(int batch, int tokens)
    {
        var clock = new DecodeClock(batch);
        for (var row = 0; row < batch; row++)
            process.StandardInput.WriteLine(JsonSerializer.Serialize(
                new { id = last + row, prompt = Runs.Prompt(row), max_tokens = tokens }));
        process.StandardInput.Flush();
        for (var left = batch; left > 0;)
        {
            var kind = Read(out var id);
            if (kind == "token") clock.Token((int)(id - last));
            else if (kind == "done") left--;
            else throw new BtxException($"the peer answered with {kind}");
        }

        last += batch;
        return clock.TokensPerSecond;
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5000)) process.Kill();
        process.Dispose();
    }

    private string Read() => Read(out _);

    private string Read(out long id)
    {
        using var line = JsonDocument.Parse(process.StandardOutput.ReadLine() ?? throw new BtxException("the peer's process has ended"));
        id = line.RootElement.TryGetProperty("id", out var of) ? of.GetInt64() : -1;
        return line.RootElement.GetProperty("event").GetString()!;
    }
}

/// <summary>Tokens a second of some streams from when each of them has its first on. Thread-safe.</summary>
internal sealed class DecodeClock(int streams)
{
    private readonly bool[] began = new bool[streams];
    private int waiting = streams, tokens;
    private long from, to;

    public double TokensPerSecond => tokens / Stopwatch.GetElapsedTime(from, to).TotalSeconds;

    public void Token(int stream)
    {
        lock (began)
        {
            to = Stopwatch.GetTimestamp();
            if (waiting == 0) tokens++;
            else if (!began[stream] && (began[stream] = true) && --waiting == 0) from = to;
        }
    }
}
