namespace Btx.Engine.Tests.Fixtures;

/// <summary>Adds up the loop's reports; read it when the engine is idle.</summary>
internal sealed class RecordingObserver : IEngineObserver
{
    public int Tokens { get; private set; }

    public int Prefill { get; private set; }

    /// <summary>As the last report said; 0 when idle.</summary>
    public int Running { get; private set; }

    public int IdleCalls { get; private set; }

    public double[] Mass { get; private set; } = [];

    public int[] RoutedTokens { get; private set; } = [];

    public double[] GateMass { get; private set; } = [];

    public List<RequestReport> Requests { get; } = [];

    public void OnStep(in StepReport report)
    {
        Tokens += report.GeneratedTokens;
        Prefill += report.PrefillTokens;
        Running = report.RunningSequences;
        if (Mass.Length == 0) Mass = new double[report.PosteriorMass.Length];
        for (var j = 0; j < Mass.Length; j++) Mass[j] += report.PosteriorMass.Span[j];
        if (report.RoutedTokens.IsEmpty) return;
        if (RoutedTokens.Length == 0) (RoutedTokens, GateMass) = (new int[report.RoutedTokens.Length], new double[report.GateMass.Length]);
        for (var i = 0; i < RoutedTokens.Length; i++)
        {
            RoutedTokens[i] += report.RoutedTokens.Span[i];
            GateMass[i] += report.GateMass.Span[i];
        }
    }

    public void OnIdle()
    {
        Running = 0;
        IdleCalls++;
    }

    public void OnRequestEnd(in RequestReport report) => Requests.Add(report);
}
