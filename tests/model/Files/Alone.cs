namespace Btx.Model.Tests.Files;

/// <summary>Tests that change a limit of the whole process: they run alone.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
