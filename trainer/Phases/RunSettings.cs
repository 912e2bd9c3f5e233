namespace Btx.Trainer.Phases;

/// <summary>How a run goes about its work; none of it changes the weights.</summary>
public sealed record RunSettings
{
    /// <summary>Forget an earlier run in the directory.</summary>
    public bool Fresh { get; init; }

    /// <summary>Wait while another process trains in the directory.</summary>
    public bool Wait { get; init; }

    /// <summary>Steps between resume points; 0: by time alone.</summary>
    public long CheckpointSteps { get; init; }

    /// <summary>Seconds between resume points.</summary>
    public double CheckpointSeconds { get; init; } = 60;

    /// <summary>Steps between validations; 0: at each quarter of the run.</summary>
    public long ValidateSteps { get; init; }

    /// <summary>Steps between statistics of a mixture's routing; 0: about twenty in the run.</summary>
    public long StatisticsSteps { get; init; }

    /// <summary>Validation windows per text source at the end of the run; a quarter of them on the way.</summary>
    public int ValidationWindows { get; init; } = 64;
}
