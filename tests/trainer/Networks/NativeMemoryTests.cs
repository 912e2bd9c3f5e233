namespace Btx.Trainer.Tests.Networks;

/// <summary>Tests that count the process's tensors or memory: they run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class NativeMemoryTests
{
    public const string Name = "native memory";
}
